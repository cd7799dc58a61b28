#!/bin/sh
# Everything that needs no model weights, answered by the stub `pinky`: the daemon, the command lines
# (rusterctl and ogenius), the library and the fixtures. Output is not captured; a summary tells tokens
# and time.
set -eu
cd "$(dirname "$0")/.."
TMPDIR=$(pwd)/target/tmp TEMP=$(pwd)/target/tmp TMP=$(pwd)/target/tmp
export TMPDIR TEMP TMP
mkdir -p "$TMPDIR"
scripts/setup.sh check

# The installed program, as a script would use it.
said=$(printf 'Narf?\n' | .venv/bin/ogenius chat --stub --no-show-thinking)
if [ "$said" != 'Pinky says: Narf?' ]; then
    echo "ogenius chat --stub said: $said" >&2
    exit 1
fi
exec .venv/bin/python -m pytest -s -m 'not engine' --teaser stub \
    tests/fixtures tests/unit/test_genius.py tests/unit/ogenius tests/e2e tests/contracts "$@"

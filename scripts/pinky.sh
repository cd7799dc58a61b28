#!/bin/sh
# Everything that needs no model weights, answered by the stub `pinky`: the daemon, the command line,
# the library and the fixtures. Output is not captured; a summary tells tokens and time.
set -eu
cd "$(dirname "$0")/.."
TMPDIR=$(pwd)/target/tmp TEMP=$(pwd)/target/tmp TMP=$(pwd)/target/tmp
export TMPDIR TEMP TMP
mkdir -p "$TMPDIR"
scripts/setup.sh check
exec .venv/bin/python -m pytest -s -m 'not engine' --teaser stub \
    tests/fixtures tests/unit/test_genius.py tests/e2e tests/contracts "$@"

#!/bin/sh
# The tests that need no model weights, answered by the stub `pinky`; their output is not captured.
set -eu
cd "$(dirname "$0")/.."
TMPDIR=$(pwd)/target/tmp TEMP=$(pwd)/target/tmp TMP=$(pwd)/target/tmp
export TMPDIR TEMP TMP
scripts/setup.sh check
exec .venv/bin/python -m pytest -s -m 'not engine' tests/e2e tests/contracts "$@"

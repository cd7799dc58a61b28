#!/bin/sh
# The tests that run the real engine, on the GPU where llama.cpp finds one (Metal on macOS); their
# output is not captured.
set -eu
cd "$(dirname "$0")/.."
TMPDIR=$(pwd)/target/tmp TEMP=$(pwd)/target/tmp TMP=$(pwd)/target/tmp
export TMPDIR TEMP TMP
if ! command -v cmake >/dev/null; then
    echo 'metal.sh needs cmake: apt install cmake, pacman -S cmake or brew install cmake' >&2
    exit 1
fi
scripts/setup.sh test
exec .venv/bin/python -m pytest -s -m engine "$@"

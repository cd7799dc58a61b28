#!/bin/sh
# The real engine's tests and fixtures with Metal; see gpu.sh.
set -eu
cd "$(dirname "$0")/.."
TMPDIR=$(pwd)/target/tmp TEMP=$(pwd)/target/tmp TMP=$(pwd)/target/tmp
export TMPDIR TEMP TMP
exec scripts/gpu.sh metal "$@"

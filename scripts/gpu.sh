#!/bin/sh
# The real engine on a GPU: builds llama.cpp for it, runs the engine's tests, and asks the models of
# tests/fixtures, through the library and with ogenius. Output is not captured; a summary tells tokens,
# time and memory.
#
#   gpu.sh metal|cuda|vulkan|rocm [pytest's arguments]
#
# TEASER=no leaves out the fixtures, whose models are downloaded (about 4 GB).
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
TMPDIR=$root/target/tmp TEMP=$root/target/tmp TMP=$root/target/tmp
export TMPDIR TEMP TMP
mkdir -p "$TMPDIR"

die() {
    echo "$@" >&2
    exit 1
}

case ${1:-} in
metal) option=-DGGML_METAL=on ;;
cuda) option=-DGGML_CUDA=on ;;
vulkan) option=-DGGML_VULKAN=on ;;
rocm) option=-DGGML_HIP=on ;;
*) die 'usage: gpu.sh metal|cuda|vulkan|rocm [arguments of pytest]' ;;
esac
kind=$1
shift
command -v cmake >/dev/null ||
    die "$kind.sh needs cmake: apt install cmake, pacman -S cmake or brew install cmake"
if [ "$kind" = metal ] && [ "$(uname)" != Darwin ]; then
    echo 'Metal is macOS alone: the engine computes on the processor here.' >&2
    option=
fi
CMAKE_ARGS="$option ${CMAKE_ARGS:-}"
export CMAKE_ARGS

# The engine is built again only when it was built with other options.
built=$root/.venv/.engine-options
scripts/setup.sh test
if [ "$(cat "$built" 2>/dev/null)" != "$option" ]; then
    if [ -n "$option" ] || [ -e "$built" ]; then
        rm -rf target/wheels
        .venv/bin/python -m pip cache remove llama_cpp_python >/dev/null 2>&1 || true
        .venv/bin/python -m pip uninstall -q -y llama-cpp-python
        scripts/setup.sh engine
    fi
    printf '%s' "$option" >"$built"
fi

.venv/bin/python -m pytest -s -m engine --ignore=tests/fixtures "$@"
if [ "${TEASER:-yes}" != no ]; then
    .venv/bin/python -m pytest -s tests/fixtures --teaser engine
    model=Qwen/Qwen2.5-1.5B-Instruct
    .venv/bin/ogenius download "$model" --quant Q4_K_M
    said=$(echo 'What is the capital of France?' | .venv/bin/ogenius chat --model "$model" --quant Q4_K_M)
    echo "ogenius chat: $said"
    case $said in
    *Paris*) ;;
    *) die 'ogenius chat did not know the capital of France' ;;
    esac
fi

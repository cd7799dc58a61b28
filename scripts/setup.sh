#!/bin/sh
# Makes .venv ready, and says only what a person must know.
#
#   setup.sh run      ruster and its embedded engine
#   setup.sh check    ruster and the tools of development
#   setup.sh test     all of these
#   setup.sh engine   the engine, also when building it failed before
#
# Safe to repeat: what was interrupted is made anew, what is finished costs some milliseconds.
# PYTHON names the interpreter to use; CMAKE_ARGS adds to what the engine is built with.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd)
venv=$root/.venv
lock=$root/target/setup.lock
log=$root/target/setup.log
busy=$venv/.installing

TMPDIR=$root/target/tmp TEMP=$root/target/tmp TMP=$root/target/tmp
export TMPDIR TEMP TMP
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0 PIP_PROGRESS_BAR=off
export PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT PIP_USER PIP_PROGRESS_BAR
unset PYTHONHOME PYTHONPATH
mkdir -p "$TMPDIR"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# The command that installs a thing here: install_hint python|venv|compiler
install_hint() {
    if [ "$(uname)" = Darwin ]; then
        system=darwin
    else
        system=$(sed -n 's/^ID\(_LIKE\)\{0,1\}=//p' /etc/os-release 2>/dev/null | tr -d '"' | tr '\n' ' ')
    fi
    case " $system " in
    *debian*) set -- "$1" "apt install python3" "apt install python3-venv" "apt install build-essential" ;;
    *arch*) set -- "$1" "pacman -S python" "pacman -S python" "pacman -S base-devel" ;;
    *fedora* | *rhel*) set -- "$1" "dnf install python3" "dnf install python3" "dnf install gcc gcc-c++" ;;
    *suse*) set -- "$1" "zypper install python311" "zypper install python311" "zypper install gcc gcc-c++" ;;
    *alpine*) set -- "$1" "apk add python3" "apk add python3" "apk add build-base" ;;
    *darwin*) set -- "$1" "brew install python" "brew install python" "xcode-select --install" ;;
    *) set -- "$1" "install python3" "install the venv module of python3" "install a C and C++ compiler" ;;
    esac
    case $1 in
    python) printf '%s' "$2" ;;
    venv) printf '%s' "$3" ;;
    compiler) printf '%s' "$4" ;;
    esac
}

# --- What is done already

# Stamps hold what they were made from, so that they end when it changes or the folder is moved.
stamp_key() { printf '%s\n' "$root" && cat pyproject.toml constraints.txt; }

key=$(stamp_key | cksum)

stamped() { [ "$(cat "$venv/.$1.stamp" 2>/dev/null)" = "$key" ]; }

stamp() { printf '%s\n' "$key" >"$venv/.$1.stamp"; }

alive() { [ ! -e "$busy" ] && "$venv/bin/python" -c 'import ruster' 2>/dev/null; }

engine_settled() { stamped engine || { stamped engine-failed && [ "$stage" = run ]; }; }

ready() {
    case $stage in
    run) stamped base && engine_settled && alive ;;
    check) stamped dev && alive ;;
    test) stamped dev && engine_settled && alive ;;
    *) false ;;
    esac
}

# --- One at a time

unlock() { rm -f "$lock"; }

lock_up() {
    told=
    until (set -C && echo $$ >"$lock") 2>/dev/null; do
        holder=$(cat "$lock" 2>/dev/null || true)
        if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
            rm -f "$lock"
            continue
        fi
        [ -n "$told" ] || say "Another set-up is running here (process $holder); waiting for it."
        told=yes
        sleep 1
    done
    trap 'stop_clock; unlock' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# --- The environment

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || die "PYTHON=$PYTHON is no Python 3.11 or newer."
        printf '%s' "$PYTHON"
        return
    fi
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if new_enough "$python"; then
            printf '%s' "$python"
            return
        fi
    done
    die "ruster needs Python 3.11 or newer: $(install_hint python)"
}

make_environment() {
    if [ -e "$venv" ] && { [ -e "$busy" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
        say "The set-up before this one was interrupted; starting anew."
        rm -rf "$venv"
    fi
    [ -e "$venv" ] && return
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        die "Python's venv module is missing: $(install_hint venv)"
    mkdir -p "$venv"
    : >"$busy"
    say "Setting up ruster in .venv"
    "$python" -m venv "$venv" || die "The environment .venv could not be created."
}

pip_install() {
    : >"$busy"
    "$venv/bin/python" -m pip install -q --log "$log" -c constraints.txt "$@" >/dev/null || return 1
    rm -f "$busy"
}

install_ruster() {
    name=$1
    what=$2
    stamped "$name" && alive && return
    pip_install -e "$what" ||
        die "Installing failed (log: ${log#"$root"/}). Once that is put right, run the same command again."
    stamp base
    stamp "$name"
}

# --- The engine

compiles() {
    # shellcheck disable=SC2086 # CC and CXX may hold options
    printf '%s\nint main(void) { return 0; }\n' "$3" |
        $1 -x "$2" - -o "$TMPDIR/probe.$$" >/dev/null 2>&1 && rm -f "$TMPDIR/probe.$$"
}

have_compiler() {
    if [ "$(uname)" = Darwin ]; then xcode-select -p >/dev/null 2>&1 || return 1; fi
    compiles "${CC:-cc}" c '#include <stdio.h>' && compiles "${CXX:-c++}" c++ '#include <vector>'
}

stop_clock() {
    if [ -n "${clock:-}" ]; then kill "$clock" 2>/dev/null || true; fi
    clock=
}

start_clock() {
    (
        minutes=0
        while sleep 60 >/dev/null 2>&1; do
            minutes=$((minutes + 1))
            say "  ... still compiling ($minutes min)"
        done
    ) &
    clock=$!
}

# Compiled apart from being installed, so that an interruption costs nothing but the compiling.
build_engine() {
    wheels=$root/target/wheels
    CMAKE_ARGS="-DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama_cpp_INCLUDE=$root/scripts/engine.cmake ${CMAKE_ARGS:-}"
    CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}
    export CMAKE_ARGS CMAKE_BUILD_PARALLEL_LEVEL
    mkdir -p "$wheels" &&
        "$venv/bin/python" -m pip wheel -q --log "$log" --no-deps -c constraints.txt \
            --find-links "$wheels" -w "$wheels" llama-cpp-python >/dev/null &&
        pip_install --find-links "$wheels" -e '.[llamacpp]' &&
        "$venv/bin/python" -c 'import llama_cpp'
}

install_engine() {
    stamped engine && return
    if ! have_compiler; then
        say "No C and C++ compiler: going on without the embedded engine (models in Ollama work)."
        say "For the engine: $(install_hint compiler)   and run the same command again."
        return
    fi
    log=$root/target/engine.log
    rm -f "$log"
    say "Installing the embedded engine; compiling llama.cpp takes some minutes, once (log: target/engine.log)"
    start_clock
    built=yes
    build_engine >"$TMPDIR/engine.out" 2>&1 || built=
    stop_clock
    if [ -n "$built" ]; then
        stamp engine
        return
    fi
    tail -n 15 "$TMPDIR/engine.out" >&2
    say "The embedded engine could not be built; the whole story is in target/engine.log."
    [ "$stage" = run ] || exit 1
    stamp engine-failed
    say "Going on without it (models in Ollama work); \`make engine\` tries again."
}

stage=${1:-}
case $stage in run | check | test | engine) ;; *) die "usage: setup.sh run|check|test|engine" ;; esac

ready && exit 0
lock_up
ready && exit 0
make_environment
case $stage in
check) install_ruster dev '.[dev]' ;;
test)
    install_ruster dev '.[dev]'
    install_engine
    ;;
engine)
    rm -f "$venv/.engine.stamp" "$venv/.engine-failed.stamp"
    install_ruster base '.[hub]'
    install_engine
    ;;
*)
    install_ruster base '.[hub]'
    install_engine
    ;;
esac

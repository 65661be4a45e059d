#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The one front door. Thin: it installs what is missing, builds, and starts the program behind each word,
# printing the commands that it runs.
set -euo pipefail
cd "$(dirname "$0")"

PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
JOBS=$(nproc 2>/dev/null || echo 2)

usage() {
    cat <<'TEXT'
Usage: ./build.sh WORD [OPTIONS]

  demo     kill the disk driver again and again while files are hashed, copied and renamed; judge the result
  storm    kill every service in turn, move all of them all the time; judge the result
  attack   how long is a leaked address good, against how often a service gets a new layout?
  entropy  how random are the places of functions, data and heap objects?
  test     run everything that must pass
  run      boot to an interactive console (Ctrl-A X ends QEMU)
  debug    boot stopped, with GDB attached and the symbols of this boot
  bench    measure; 'bench peers' measures Linux on the same machine for comparison, 'bench cost' what transactions cost
  image    make a bootable ISO (BIOS and UEFI)
  build    build everything
  setup    install what is missing and fetch the pinned sources
  clean    remove what was built (fetched sources stay; 'clean --all' removes them too)
  help     this text

Each word takes --help.
TEXT
}

run() {
    echo "+ $*" >&2
    "$@"
}

setup() { # quick when there is nothing to do
    run "$PYTHON" tools/setup "$@"
    run tools/fetch
}

build() {
    local tool names=()
    for tool in CC CXX LD AR OBJCOPY; do # LLVM 19 under other names
        local variable="SAMSARA_$tool"
        [ -z "${!variable:-}" ] || names+=("$tool=${!variable}")
    done
    setup --quiet
    run make -s -j"$JOBS" "${names[@]}" "$@"
}

word=${1:-help}
[ $# -gt 0 ] && shift
case "$word" in
    help | -h | --help) usage ;;
    setup) run "$PYTHON" tools/setup "$@" && run tools/fetch ;;
    build)
        [ "${1:-}" = --help ] && { echo "Usage: ./build.sh build [MAKE TARGETS AND VARIABLES]"; exit 0; }
        build "$@"
        ;;
    demo | storm | entropy | attack | test | run | debug | bench | image)
        # Options are checked before anything is installed or built: a typing error costs no time.
        "$PYTHON" -m tools.samsara "$word" --check-options "$@" || exit $?
        for option in "$@"; do
            case "$option" in -h | --help) exit 0 ;; esac
        done
        build
        run exec "$PYTHON" -m tools.samsara "$word" "$@"
        ;;
    clean)
        case "${1:-}" in
            "") run rm -rf build ;;
            --all) run rm -rf build third_party ;;
            *) echo "build.sh: clean takes no option but --all, not '$1'" >&2; exit 2 ;;
        esac
        ;;
    *)
        echo "build.sh: unknown word '$word'; './build.sh help' lists the words" >&2
        exit 2
        ;;
esac

#!/bin/sh
# commute's main job on the attention of examples/attention.py: prove, refute, recheck, draw. `make demo` runs it.
set -eu
mkdir -p build

show() {
    printf '\n$ %s\n' "$*"
}

run() {
    show "$@"
    "$@"
}

run commute prove examples/attention.py:attention examples/attention.py:streamed --certificate build/attention.json

show commute prove examples/attention.py:attention examples/attention.py:broken
code=0
commute prove examples/attention.py:attention examples/attention.py:broken || code=$?
if [ "$code" -ne 1 ]; then
    echo "the broken variant should have been refuted (exit code 1), not $code" >&2
    exit 1
fi

run commute recheck build/attention.json
run commute draw examples/attention.py:attention -o build/attention.svg

printf '\ncertificate  %s\npicture      %s\n' "$PWD/build/attention.json" "$PWD/build/attention.svg"

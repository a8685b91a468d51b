#!/bin/sh
# make_environment.sh NAME PACKAGE...: a virtual environment for tests that need packages which
# Katib's own must not have. Made once, and again when the packages differ; prints its Python.
# It lies in $KATIB_TEST_ENVIRONMENTS, or in .cache/environments; $PYTHON makes it.
# Exit code 75: the packages cannot be had now.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 NAME PACKAGE..." >&2; exit 2; }
name=$1
shift
root=${KATIB_TEST_ENVIRONMENTS:-$(cd "$(dirname "$0")/.." && pwd)/.cache/environments}
place=$root/$name
wanted=$(printf '%s\n' "$@")

# Tests run side by side: one makes it, the others wait.
mkdir -p "$root"
exec 9>"$root/.$name.lock"
flock 9

if [ "$(cat "$place/.packages" 2>/dev/null)" != "$wanted" ] || [ ! -x "$place/bin/python" ]; then
  rm -rf "$place"
  "${PYTHON:-python3}" -m venv "$place" >&2
  "$place/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 || exit 75
  printf '%s\n' "$wanted" >"$place/.packages"
fi
echo "$place/bin/python"

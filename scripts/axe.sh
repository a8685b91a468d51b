#!/bin/sh
# Journeys that look for what keeps people out of pages need axe-core: get it with npm, once, or say how.
# Prints the path of the script that a page runs.
set -eu

version=4.14.1
place=$(cd "$(dirname "$0")/.." && pwd)/.cache/axe-core-$version
script=$place/package/axe.min.js

if [ ! -f "$script" ]; then
  command -v npm >/dev/null || {
    echo "npm is missing, so that pages are not checked with axe-core. To check them, too:" >&2
    echo "  sudo apt-get install npm" >&2
    exit 75
  }
  mkdir -p "$place"
  # Tests run side by side: one gets it, the others wait.
  exec 9>"$place/.lock"
  flock 9
  if [ ! -f "$script" ]; then
    (cd "$place" && npm pack --silent "axe-core@$version" >/dev/null) || exit 75
    tar -xzf "$place/axe-core-$version.tgz" -C "$place" package/axe.min.js package/LICENSE
  fi
fi
echo "$script"

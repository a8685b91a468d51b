#!/bin/sh
# Journeys that look at what a browser draws need one: install Debian's where there is none, or say how.
set -eu

command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
else
  echo "chromium is missing, so that journeys with a browser are skipped. To run them, too:" >&2
  echo "  sudo apt-get install chromium" >&2
fi

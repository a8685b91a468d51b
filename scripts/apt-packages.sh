#!/bin/sh
# Debian splits `venv` from Python: install the missing half, or say how.
set -eu

python=$(command -v python3.11 || command -v python3 || true)
if [ -z "$python" ]; then
  packages="python3 python3-venv"
elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  exit 0
else
  packages=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  # shellcheck disable=SC2086  # several words are several packages
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
else
  echo "Python's venv module is incomplete. Install it, then run make again:" >&2
  echo "  sudo apt-get install $packages" >&2
  exit 1
fi

#!/bin/sh
# Journeys with kubectl need one: install Debian's where there is none, or say how.
set -eu

command -v kubectl >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends kubernetes-client
else
  echo "kubectl is missing, so that journeys with it are skipped. To run them, too:" >&2
  echo "  sudo apt-get install kubernetes-client" >&2
fi

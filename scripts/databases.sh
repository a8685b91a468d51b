#!/bin/sh
# Tests of the observation log use a real PostgreSQL and a real MariaDB: install Debian's where they
# are missing, or say how. Only the programs are needed; tests start servers of their own.
set -eu

packages=
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || packages=postgresql
for program in mariadbd mariadb-install-db my_print_defaults; do
  # Servers lie where only root's PATH leads.
  PATH=$PATH:/usr/sbin command -v $program >/dev/null || {
    packages="$packages mariadb-server-core mariadb-client-core"
    break
  }
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing for the tests of the observation log: $packages" >&2
  apt-get update -qq
  # With this run level, a package's own server is not started.
  # shellcheck disable=SC2086  # several words are several packages
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
else
  echo "PostgreSQL or MariaDB is missing, so that tests with them are skipped. To run them, too:" >&2
  echo "  sudo apt-get install $packages" >&2
fi

#!/bin/sh
# Tests in a cluster need a real API server with its controllers: build Debian's where there is
# none, or say how. It takes some minutes once; the programs are kept in the user's cache.
set -eu

# An existing cluster, or programs from elsewhere, serve as well.
[ -z "${KATIB_TEST_KUBECONFIG:-}${KUBEBUILDER_ASSETS:-}" ] || exit 0

here=$(dirname "$0")
programs=${XDG_CACHE_HOME:-$HOME/.cache}/katib-tests/kubernetes
mkdir -p "$programs"
# Who comes meanwhile waits, and finds what was built.
exec 9> "$programs/.lock"
! command -v flock > /dev/null || flock 9
missing=
for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy pause; do
  [ -x "$programs/$program" ] || missing="$missing $program"
done
for program in etcd openssl curl; do
  command -v $program >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Building for tests in a cluster, once, into $programs:$missing" >&2
  K8S_SRC=$(mktemp -d)
  export K8S_SRC
  trap 'rm -rf "$K8S_SRC"' EXIT
  "$here/kubernetes/build.sh" "$programs" >&2
else
  echo "These are missing, so that tests in a cluster are skipped:$missing. To run them, too:" >&2
  echo "  sudo $here/kubernetes/build.sh $programs" >&2
  echo "or name a folder that has them in KUBEBUILDER_ASSETS, or a cluster's kubeconfig in" >&2
  echo "KATIB_TEST_KUBECONFIG." >&2
fi

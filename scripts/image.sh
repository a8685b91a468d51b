#!/usr/bin/env bash
# Builds the image of the Dockerfile without Docker and without any registry: Debian's Python and a
# virtual environment, packed as an OCI layout.
#
#   scripts/image.sh                        into the node of scripts/kubernetes/up.sh --node
#   scripts/image.sh --output FILE.tar      into a file, for `docker load` or `ctr images import`
#
# Needs root, debootstrap, python3-venv of the same Debian, and jq.
#
#   KATIB_IMAGE   its name (localhost/katib:VERSION)
#   KATIB_EXTRAS  of the package (cluster,mysql,postgres)
#   KATIB_DEBIAN  further packages of Debian in it, separated by blanks
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=${here%/*}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/katib-tests/image
python=/usr/bin/python3
place=/opt/katib

mkdir -p "$cache"
# Builds side by side: one makes what is missing, the others wait.
exec 9> "$cache/.lock"
flock 9

packages=(python3 ${KATIB_DEBIAN:-})
debian=$cache/debian-$(sha256sum <<< "${packages[*]}" | cut -c 1-12)
if [[ ! -d $debian ]]; then
    echo "image.sh: Debian with ${packages[*]} ..." >&2
    rm -rf "$debian.new"
    "$here/kubernetes/image.sh" --debian "$debian" "${packages[@]}" > "$cache/debootstrap.log" ||
        { tail -n 20 "$cache/debootstrap.log" >&2; exit 1; }
fi

# Building leaves files beside the sources.
work=$(mktemp -d "${TMPDIR:-/tmp}/katib-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$source/pyproject.toml" "$source/README.md" "$source/src" "$work"

extras=${KATIB_EXTRAS:-cluster,mysql,postgres}
environment=$cache/environment
wanted=$(cat "$source/pyproject.toml"; echo "$extras")
if [[ $(cat "$environment/.wanted" 2> /dev/null || true) != "$wanted" ]]; then
    echo "image.sh: a virtual environment with $extras ..." >&2
    rm -rf "$environment"
    $python -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$work[$extras]"
    echo "$wanted" > "$environment/.wanted"
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --force-reinstall --no-deps "$work"
find "$environment" -name __pycache__ -type d -prune -exec rm -rf {} +
# Scripts name the interpreter by where it will be.
grep -lIr --max-count 1 "^#!$environment/bin/" "$environment/bin" |
    xargs -r sed -i "1s,^#!$environment/,#!$place/,"

version=$("$environment/bin/python" -c 'from importlib.metadata import version; print(version("katib"))')
name=${KATIB_IMAGE:-localhost/katib:$version}
"$here/kubernetes/image.sh" --entrypoint katib --user 1000:1000 \
    --env "PATH=$place/bin:/usr/local/bin:/usr/bin:/bin" \
    --env PYTHONUNBUFFERED=1 --env OPENBLAS_NUM_THREADS=1 \
    "$@" "$name" "$debian" "$environment:$place"

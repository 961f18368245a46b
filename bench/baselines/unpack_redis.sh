#!/usr/bin/env bash
# Unpacks redis-server, and the packages that it lacks here, into the folder given.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../stack/unpacking.sh"

mapfile -t packages < <(
    apt-get "${options[@]}" install --simulate --reinstall --no-install-recommends -y redis-server redis-tools |
        awk '/^Inst / { print $2 }' | sort -u
)
unpack "${packages[@]}"
keep

#!/usr/bin/env bash
# As root, on Debian and its like: installs rabbitmq-server and starts nothing, neither now nor at the next boot.
# A policy-rc.d forbids the package's start; the machine's own one is put back whatever happens, also what a
# killed run of this script left behind.
set -euo pipefail

guard=/usr/sbin/policy-rc.d
mark='# put here while ringfence installs rabbitmq-server'
saved=$guard.ringfence-saved

restore() {
    if grep -qsF "$mark" "$guard"; then rm -f "$guard"; fi
    if [ -e "$saved" ]; then mv -f "$saved" "$guard"; fi
}

forbid_starting() {
    restore
    if [ -e "$guard" ]; then mv "$guard" "$saved"; fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$guard"
    chmod 755 "$guard"
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=120 rabbitmq-server
}

trap restore EXIT
trap 'exit 130' INT TERM HUP
forbid_starting
install || { apt-get update -qq && install; }
if [ -d /run/systemd/system ]; then
    systemctl disable --quiet rabbitmq-server.service epmd.socket || true
fi

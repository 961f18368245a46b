#!/usr/bin/env bash
# Unpacks RabbitMQ and its Erlang into the folder given.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/unpacking.sh"

# Every Erlang package that RabbitMQ needs, installed here or not (the system's own cannot be mixed with ours),
# and what else of it is missing here.
needed() {
    apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances rabbitmq-server | grep -E '^(erlang-[a-z0-9-]+|rabbitmq-server|libwrap0|socat)$'
    apt-get "${options[@]}" install --simulate --no-install-recommends -y rabbitmq-server |
        awk '/^Inst / { print $2 }' | grep -v -E '^(adduser|logrotate|passwd|init|systemd)' || true
}

mapfile -t packages < <(needed | sort -u)
unpack "${packages[@]}"
# Debian's start script names the folder that the package would have been installed into.
sed -i "s#ROOTDIR=/usr/lib/erlang#ROOTDIR=$tree/usr/lib/erlang#" unpacked/usr/lib/erlang/bin/erl
keep

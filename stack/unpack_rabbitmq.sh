#!/usr/bin/env bash
# Without any right to install: downloads RabbitMQ and its Erlang as Debian packages and unpacks them into the
# folder given. apt keeps lists and packages of its own there, so the machine's state does not matter.
set -euo pipefail

tree=$1
parts=$tree.parts
rm -rf "$tree" "$parts"
mkdir -p "$parts/lists/partial" "$parts/cache/archives/partial" "$parts/unpacked"
cd "$parts"

options=(
    -o "Dir::State::lists=$parts/lists" -o "Dir::Cache=$parts/cache" -o "Dir::State::status=/var/lib/dpkg/status"
    -o Debug::NoLocking=true -o APT::Sandbox::User= -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success=
)

# Every Erlang package that RabbitMQ needs, installed here or not (the system's own cannot be mixed with ours),
# and what else of it is missing here.
needed() {
    apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances rabbitmq-server | grep -E '^(erlang-[a-z0-9-]+|rabbitmq-server|libwrap0|socat)$'
    apt-get "${options[@]}" install --simulate --no-install-recommends -y rabbitmq-server |
        awk '/^Inst / { print $2 }' | grep -v -E '^(adduser|logrotate|passwd|init|systemd)' || true
}

apt-get "${options[@]}" update -qq
mapfile -t packages < <(needed | sort -u)
apt-get "${options[@]}" download -qq "${packages[@]}"
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
# Debian's start script names the folder that the package would have been installed into.
sed -i "s#ROOTDIR=/usr/lib/erlang#ROOTDIR=$tree/usr/lib/erlang#" unpacked/usr/lib/erlang/bin/erl
mv unpacked "$tree"
rm -rf "$parts"

#!/usr/bin/env bash
# Downloads redis-server and the packages it lacks here, and unpacks them into the folder given: nothing is installed,
# nothing started. apt keeps lists of its own there, so the machine's state does not matter and no right is needed.
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

apt-get "${options[@]}" update -qq
mapfile -t packages < <(
    apt-get "${options[@]}" install --simulate --reinstall --no-install-recommends -y redis-server redis-tools |
        awk '/^Inst / { print $2 }' | sort -u
)
apt-get "${options[@]}" download -qq "${packages[@]}"
for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
mv unpacked "$tree"
rm -rf "$parts"

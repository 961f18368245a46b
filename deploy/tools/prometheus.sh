#!/usr/bin/env bash
# Gets promtool, Prometheus, amtool, Alertmanager and the PostgreSQL exporter from Debian into .tools/prometheus, where they
# are not on PATH already. The packages are only unpacked: nothing is installed, no service starts, and root is not needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tools=.tools/prometheus
packages=(prometheus prometheus-alertmanager prometheus-postgres-exporter)
programs=(promtool prometheus amtool prometheus-alertmanager prometheus-postgres-exporter)

say() { printf '%s\n' "$*" >&2; }

complete() {
    local program
    for program in "${programs[@]}"; do
        PATH="$PWD/$tools/usr/bin:$PATH" command -v "$program" >/dev/null || return 1
    done
}

# Lists of our own, so that neither root nor an `apt-get update` by somebody else is needed.
options=(-qq -o "Dir::State::Lists=$PWD/$tools/lists" -o "Dir::Cache=$PWD/$tools/cache" -o Acquire::Retries=3
    -o "APT::Sandbox::User=$(id -un)")

fetch() {
    mkdir -p "$tools"/{lists/partial,cache/archives/partial,debs}
    (cd "$tools/debs" && apt-get "${options[@]}" download "${packages[@]}") 2>/dev/null && return
    apt-get "${options[@]}" update && (cd "$tools/debs" && apt-get "${options[@]}" download "${packages[@]}")
}

if complete; then exit 0; fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    say "promtool, prometheus, amtool, prometheus-alertmanager and prometheus-postgres-exporter are needed on PATH, and" \
        "there is no apt-get here to get them with"
    exit 1
fi
say "getting Prometheus and Alertmanager from Debian into $tools"
fetch || { say "Debian's packages could not be had: ${packages[*]}"; exit 1; }
for deb in "$tools"/debs/*.deb; do dpkg-deb -x "$deb" "$tools"; done
rm -rf "$tools"/{debs,lists,cache}
complete || { say "the packages do not hold all of: ${programs[*]}"; exit 1; }

#!/usr/bin/env bash
# Installs a Java without a screen, on Debian and its like, as root or where sudo asks for no password. Elsewhere it
# does nothing: whoever calls it looks for Java again, and says what to install.
set -euo pipefail

if ! command -v apt-get >/dev/null; then exit 0; fi
as_root=()
if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
if ! "${as_root[@]}" true 2>/dev/null; then exit 0; fi
echo "Java is not on this machine; installing the package default-jre-headless" >&2
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends
    -o DPkg::Lock::Timeout=120 default-jre-headless)
"${install[@]}" >/dev/null 2>&1 || { "${as_root[@]}" apt-get update -qq && "${install[@]}"; } >/dev/null

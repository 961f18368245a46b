# Sourced by the unpack_*.sh: what they share. Without any right to install, Debian packages are downloaded and unpacked
# into the folder given ($1); nothing is started. apt keeps lists and packages of its own there, so the machine's state
# does not matter.

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

# The packages named, into `unpacked`.
unpack() {
    apt-get "${options[@]}" download -qq "$@"
    for package in *.deb; do dpkg-deb --extract "$package" unpacked; done
}

# Only what is whole stands in the folder given.
keep() {
    mv unpacked "$tree"
    rm -rf "$parts"
}

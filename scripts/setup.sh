#!/usr/bin/env bash
# Brings in all that building, testing and running need: Debian packages and npm packages. Does only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
# Two set-ups at once would install twice.
exec 9> build/setup.lock
flock 9

say() { echo "setup: $*" >&2; }

has_package() { [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = 'install ok installed' ]; }

# The newest clang that apt offers, 16 or later: older ones do not write the BTF that the runtime needs.
newest_clang_package() {
	apt-cache search --names-only '^clang-[0-9]+$' | awk '{ print $1 }' | sort -t- -k2 -n | tail -n 1
}

packages_wanted() {
	echo libbpf1 libbpf-dev gcc libc6-dev make file kmod bpftool iproute2
	echo qemu-system-x86 busybox-static xz-utils zstd util-linux ca-certificates systemd
	# Receivers that tests start as processes of their own.
	echo rsyslog rsyslog-openssl openssl kcat
	command -v npm > /dev/null || echo nodejs npm
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo > /dev/null; then
		sudo "$@"
	else
		say "this needs root: $*"
		exit 1
	fi
}

install_packages() {
	local missing=() package
	for package in $(packages_wanted); do
		has_package "$package" || missing+=("$package")
	done
	local need_clang=0
	scripts/find-clang.sh > /dev/null 2>&1 || need_clang=1
	if [ ${#missing[@]} = 0 ] && [ $need_clang = 0 ]; then return; fi

	say 'refreshing the package lists'
	as_root apt-get -qq update
	if [ $need_clang = 1 ]; then
		if apt-cache show clang-19 > /dev/null 2>&1; then missing+=(clang-19); else missing+=("$(newest_clang_package)"); fi
	fi
	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${missing[@]}" > build/apt-install.log 2>&1 || {
		tail -n 30 build/apt-install.log >&2
		say 'the packages could not be installed; the whole report is in build/apt-install.log'
		exit 1
	}
}

install_node_modules() {
	if [ -e node_modules/.package-lock.json ] && ! [ package-lock.json -nt node_modules/.package-lock.json ]; then return; fi
	say 'installing npm packages'
	npm ci --loglevel=error --no-progress > build/npm-install.log 2>&1 || {
		cat build/npm-install.log >&2
		exit 1
	}
	# npm leaves the time of the archive's files where nothing changed.
	touch node_modules/.package-lock.json
}

# npm before version 10 leaves out the link to the binary of the node-linux-* package.
link_node() {
	local binary
	for binary in node_modules/node-linux-*/bin/node; do
		if [ -x "$binary" ] && ! [ -e node_modules/.bin/node ]; then ln -sf "../../$binary" node_modules/.bin/node; fi
	done
}

check_node() {
	if node_modules/.bin/node -e 0 2> /dev/null; then return; fi
	if node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)'; then return; fi
	say "no Node for $(uname -m) came with npm, and the system's $(node --version) is older than 22.18: install a newer one"
	exit 1
}

install_packages
scripts/setup-servers.sh
install_node_modules
link_node
check_node

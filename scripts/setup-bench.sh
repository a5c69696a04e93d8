#!/usr/bin/env bash
# Brings in the peers that `make bench` compares with: auditd and bpftrace, unpacked below build/peers. They are not
# installed: this machine would start to audit itself. Without them the benchmark runs, and says so in their rows.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/unpack-packages.sh

# apt leaves out what is installed already.
fetch() {
	mkdir -p partial
	apt-get -qq install --yes --download-only --no-install-recommends \
		-o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
		-o Dir::Cache::archives="$PWD" "$@"
}

unpack_packages setup-bench build/peers 'no peers: their rows will be empty' fetch auditd bpftrace

#!/usr/bin/env bash
# Brings in the peers that `make bench` compares with: auditd and bpftrace, unpacked below build/peers. They are not
# installed: this machine would start to audit itself. Without them the benchmark runs, and says so in their rows.
set -euo pipefail
cd "$(dirname "$0")/.."

peers=(auditd bpftrace)
folder=build/peers
[ -e $folder/complete ] && exit 0

mkdir -p $folder/archives/partial
exec 9> $folder/lock
flock 9
[ -e $folder/complete ] && exit 0

say() { echo "setup-bench: $*" >&2; }

# apt leaves out what is installed already.
fetch() {
	apt-get -qq install --yes --download-only --no-install-recommends \
		-o Debug::NoLocking=1 -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 \
		-o Dir::Cache::archives="$PWD/$folder/archives" "${peers[@]}" > $folder/apt.log 2>&1
}

say "fetching ${peers[*]} into $folder"
if ! fetch && ! { apt-get -qq update >> $folder/apt.log 2>&1 && fetch; }; then
	tail -n 5 $folder/apt.log >&2
	say "no peers: their rows will be empty; the whole report is in $folder/apt.log"
	exit 0
fi
for archive in $folder/archives/*.deb; do dpkg-deb --extract "$archive" $folder/root; done
rm -rf $folder/archives
touch $folder/complete

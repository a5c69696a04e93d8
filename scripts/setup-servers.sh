#!/usr/bin/env bash
# Brings in the servers that tests send to: Prometheus, unpacked below build/servers. They are not installed: this machine
# would start to run them. One that is installed is used as it is. Without them their tests are skipped, and say so.
set -euo pipefail
cd "$(dirname "$0")/.."

servers=(prometheus)
folder=build/servers
[ -e $folder/complete ] && exit 0

mkdir -p $folder/archives
exec 9> $folder/lock
flock 9
[ -e $folder/complete ] && exit 0

say() { echo "setup-servers: $*" >&2; }

fetch() { (cd $folder/archives && apt-get -qq download -o APT::Sandbox::User=root "${servers[@]}") > $folder/apt.log 2>&1; }

say "fetching ${servers[*]} into $folder"
if ! fetch && ! { apt-get -qq update >> $folder/apt.log 2>&1 && fetch; }; then
	tail -n 5 $folder/apt.log >&2
	say "no servers: their tests will be skipped; the whole report is in $folder/apt.log"
	exit 0
fi
for archive in $folder/archives/*.deb; do dpkg-deb --extract "$archive" $folder/root; done
rm -rf $folder/archives
touch $folder/complete

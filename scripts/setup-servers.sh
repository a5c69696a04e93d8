#!/usr/bin/env bash
# Brings in the servers that tests send to: Prometheus, unpacked below build/servers. They are not installed: this machine
# would start to run them. One that is installed is used as it is. Without them their tests are skipped, and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/unpack-packages.sh

fetch() { apt-get -qq download -o APT::Sandbox::User=root "$@"; }

unpack_packages setup-servers build/servers 'no servers: their tests will be skipped' fetch prometheus

#!/bin/sh
# Formatter and linter. Its binary comes in one package for each platform; only those we build on are dependencies.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
case $(uname -m) in
aarch64) platform=linux-arm64 ;;
*) platform=linux-x64 ;;
esac
exec "$root/node_modules/@biomejs/cli-$platform/biome" "$@"

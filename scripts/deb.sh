#!/usr/bin/env bash
# Builds build/jatai_VERSION_ARCHITECTURE.deb: the bundled agent, its programs for the kernel, Node, a systemd unit, and
# the default policies as configuration. Needs a finished `make build`. VERSION stands for that
# of package.json, OUT for another folder than build/.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "deb: $*" >&2; }

version=${VERSION:-$(node -p 'require("./package.json").version')}
architecture=$(dpkg --print-architecture)
package=${OUT:-build}/jatai_${version}_$architecture.deb
tree=${OUT:-build}/deb
lib=$tree/usr/lib/jatai

rm -rf "$tree"
mkdir -p "$lib/bin" "$lib/build/loop" "$lib/build/typed" "$lib/node_modules/.bin" "$lib/jatai.conf.d" "$tree/DEBIAN" \
	"$tree/usr/bin" "$tree/usr/lib/systemd/system" "$tree/usr/share/jatai/tracing-policies" \
	"$tree/usr/share/doc/jatai" "$tree/etc/jatai/policies.d" "$tree/etc/jatai/jatai.conf.d"

say 'copying the agent'
install -m 755 bin/jatai "$lib/bin/jatai"
cp -r build/js "$lib/build/"
cp -r api "$lib/"
for object in build/*.o build/loop/*.o build/typed/*.o; do install -m 644 "$object" "$lib/$object"; done
node -p 'JSON.stringify({ ...require("./package.json"), version: process.argv[1] }, undefined, 2)' "$version" > "$lib/package.json"
chmod 644 "$lib/package.json"
ln -s ../lib/jatai/bin/jatai "$tree/usr/bin/jatai"

say 'copying Node and the packages that are no part of the bundle'
# The native part of koffi is an optional dependency of it, one for each platform.
{ npm ls --omit=dev --omit=optional --all --parseable | tail -n +2; ls -d "$PWD"/node_modules/@koromix/koffi-linux-*; } |
	while read -r folder; do
		target=$lib/${folder#"$PWD"/}
		mkdir -p "$(dirname "$target")"
		cp -rL "$folder" "$target"
	done
find "$lib/node_modules" \( -name '*.map' -o -name '*.md' -o -name '*.d.[cm]ts' -o -name '*.d.ts' \) -delete
install -m 755 "$(readlink -f node_modules/.bin/node)" "$lib/node_modules/.bin/node"

say 'copying policies and settings'
install -m 644 tracing-policies/*.yaml "$tree/usr/share/jatai/tracing-policies/"
install -m 644 tracing-policies/*.yaml "$tree/etc/jatai/policies.d/"
install -m 644 packaging/conf.d/* "$lib/jatai.conf.d/"
install -m 644 packaging/jatai.service "$tree/usr/lib/systemd/system/"
install -m 644 README.md LICENSE packaging/outputs.example.yaml "$tree/usr/share/doc/jatai/"
cp -r docs "$tree/usr/share/doc/jatai/"

size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
	packaging/debian/control.in > "$tree/DEBIAN/control"
(cd "$tree" && find etc -type f -printf '/%p\n' | sort) > "$tree/DEBIAN/conffiles"
install -m 755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$tree/DEBIAN/"

say 'packing'
dpkg-deb --root-owner-group -Zzstd -z3 --build "$tree" "$package" > /dev/null
rm -rf "$tree"
say "$package, $(du -h "$package" | cut -f1)"

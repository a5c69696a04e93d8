#!/bin/sh
# Prints the newest installed clang that can build the BPF objects (16 or later); fails when there is none.
for directory in $(echo "$PATH" | tr ':' ' '); do
	ls "$directory" 2>/dev/null | sed -n 's/^clang-\([0-9]*\)$/\1/p'
done | sort -n | awk '$1 >= 16 { newest = $1 } END { if (!newest) exit 1; print "clang-" newest }' && exit
version=$(clang -dumpversion 2>/dev/null) && [ "${version%%.*}" -ge 16 ] && echo clang && exit
echo 'no clang 16 or later is installed; run make setup' >&2
exit 1

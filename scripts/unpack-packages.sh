# Unpacks Debian packages below a folder, once; nothing is installed. To be sourced.

# unpack_packages NAME FOLDER CONSEQUENCE FETCH PACKAGE...
#
# FETCH is a function that downloads its arguments, packages, into the current directory. Without the packages it is said
# under NAME that there are none and what that means.
unpack_packages() {
	local name=$1 folder=$2 consequence=$3 fetch=$4
	shift 4
	[ -e "$folder/complete" ] && return
	mkdir -p "$folder/archives"
	exec 9> "$folder/lock"
	flock 9
	[ -e "$folder/complete" ] && return

	local log=$PWD/$folder/apt.log
	echo "$name: fetching $* into $folder" >&2
	if ! (cd "$folder/archives" && { "$fetch" "$@" || { apt-get -qq update && "$fetch" "$@"; }; }) > "$log" 2>&1; then
		tail -n 5 "$log" >&2
		echo "$name: $consequence; the whole report is in $folder/apt.log" >&2
		return
	fi
	local archive
	for archive in "$folder"/archives/*.deb; do dpkg-deb --extract "$archive" "$folder/root"; done
	rm -rf "$folder/archives"
	touch "$folder/complete"
}

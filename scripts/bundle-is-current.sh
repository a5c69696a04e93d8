# Defines bundle_is_current ROOT: whether nothing that the bundle in ROOT/build/js was made of has changed since. The time of
# an inode's change counts, which also tells of files that came with an older date; what cannot be told is not current.
bundle_is_current() {
	[ -z "$(find "$1/src" "$1/package-lock.json" "$1/scripts/bundle.ts" -newercm "$1/build/js/main.js" -print -quit 2>&1)" ]
}

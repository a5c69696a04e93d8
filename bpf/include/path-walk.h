/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The path of a file as the present process sees it from its root: through mounts, bind mounts and chroots.
 */
#ifndef JATAI_PATH_WALK_H
#define JATAI_PATH_WALK_H

#include "kernel.h"
#include "wire.h"

static inline bool is_unlinked(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry;
}

/*
 * Puts the name before what `slot` holds from `walk->offset` on. The position lives in map memory: the verifier then
 * knows nothing of it, and the states of all iterations of the walk converge.
 */
static inline bool prepend_name(char *slot, volatile struct walk_state *walk, struct dentry *dentry)
{
	__u32 length = BPF_CORE_READ(dentry, d_name.len);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u64 start = walk->offset;

	length &= 0xff;
	start -= length + 1;
	if (start >= STRING_SIZE)
		return false;
	slot[start] = '/';
	bpf_probe_read_kernel(slot + start + 1, length, name);
	walk->offset = start;
	return true;
}

/*
 * Writes the path right-aligned into `slot` (STRING_SIZE bytes and slack): it starts at `walk->offset` and ends with a
 * NUL at STRING_SIZE. `walk->status` gets bits of VALUE_*: in memory too, or every caller would be verified once for
 * each outcome.
 */
static __noinline __u64 walk_path(char *slot, volatile struct walk_state *walk, struct dentry *dentry,
				  struct vfsmount *vfsmount)
{
	struct task_struct *task = current_task();
	struct dentry *root = BPF_CORE_READ(task, fs, root.dentry);
	struct vfsmount *root_mount = BPF_CORE_READ(task, fs, root.mnt);
	struct mount *mount = MOUNT_OF(vfsmount);
	int i;

	walk->offset = STRING_SIZE;
	walk->status = is_unlinked(dentry) ? VALUE_DELETED : 0;
	slot[STRING_SIZE] = 0;
	for (i = 0; i < PATH_COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		/* One test instead of two: every branch adds to what the verifier follows in each iteration. */
		if (!(((__u64)dentry ^ (__u64)root) | ((__u64)vfsmount ^ (__u64)root_mount)))
			break;
		if (dentry == BPF_CORE_READ(vfsmount, mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			vfsmount = VFSMOUNT_OF(mount);
			continue;
		}
		/* Reached without a mount: the root of the filesystem ends the path. */
		if (!vfsmount && dentry == parent)
			break;
		if (!prepend_name(slot, walk, dentry)) {
			walk->status |= VALUE_UNRESOLVED;
			break;
		}
		/* Not below any root: memfd, pipes, files of a detached tree. */
		if (dentry == parent)
			break;
		dentry = parent;
	}
	if (i == PATH_COMPONENTS)
		walk->status |= VALUE_UNRESOLVED;
	if (walk->offset == STRING_SIZE) {
		slot[STRING_SIZE - 1] = '/';
		walk->offset = STRING_SIZE - 1;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The path of a file as the present process sees it from its root: through mounts, bind mounts and chroots.
 */
#ifndef JATAI_PATH_WALK_H
#define JATAI_PATH_WALK_H

#include "kernel.h"
#include "wire.h"

/* What a step needs of a dentry. The kernel keeps the two side by side, so that one read gets both. */
struct step {
	struct dentry *parent;
	struct qstr name;
};

static inline void read_step(struct step *step, struct dentry *dentry)
{
	if (bpf_core_field_offset(dentry->d_name) - bpf_core_field_offset(dentry->d_parent) == sizeof(step->parent)) {
		bpf_probe_read_kernel(step, sizeof(*step), &dentry->d_parent);
	} else {
		step->parent = BPF_CORE_READ(dentry, d_parent);
		bpf_core_read(&step->name, sizeof(step->name), &dentry->d_name);
	}
}

static inline bool is_unlinked(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry;
}

/*
 * Puts the name before what `slot` holds from `walk->offset` on. The position lives in map memory: the verifier then
 * knows nothing of it, and the states of all iterations of the walk converge.
 */
static inline bool prepend_name(char *slot, volatile struct walk_state *walk, const struct qstr *qstr)
{
	__u32 length = *(volatile __u32 *)&qstr->len & 0xff;
	__u64 start = walk->offset - (length + 1);

	if (start >= STRING_SIZE)
		return false;
	slot[start] = '/';
	bpf_probe_read_kernel(slot + start + 1, length, qstr->name);
	walk->offset = start;
	return true;
}

/*
 * Writes the path right-aligned into `slot` (STRING_SIZE bytes and slack): it starts at `walk->offset` and ends with a
 * NUL at STRING_SIZE. `walk->status` gets bits of VALUE_*: in memory too, or every caller would be verified once for
 * each outcome. Every branch in the loop adds to what the verifier follows in each iteration.
 */
static __noinline __u64 walk_path(char *slot, volatile struct walk_state *walk, struct dentry *dentry,
				  struct vfsmount *vfsmount)
{
	struct task_struct *task = current_task();
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct dentry *root = BPF_CORE_READ(fs, root.dentry);
	struct vfsmount *root_mount = BPF_CORE_READ(fs, root.mnt);
	/* Reached without a mount: the path ends at the root of the filesystem. */
	struct dentry *mount_root = vfsmount ? BPF_CORE_READ(vfsmount, mnt_root) : BPF_CORE_READ(dentry, d_sb, s_root);
	struct step step;
	int i;

	walk->offset = STRING_SIZE;
	walk->status = is_unlinked(dentry) ? VALUE_DELETED : 0;
	slot[STRING_SIZE] = 0;
	for (i = 0; i < PATH_COMPONENTS; i++) {
		if (!(((__u64)dentry ^ (__u64)root) | ((__u64)vfsmount ^ (__u64)root_mount)))
			break;
		if (dentry == mount_root) {
			struct mount *mount = mount_of(vfsmount);
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (!above || above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			vfsmount = vfsmount_of(above);
			mount_root = BPF_CORE_READ(vfsmount, mnt_root);
			continue;
		}
		read_step(&step, dentry);
		if (!prepend_name(slot, walk, &step.name)) {
			walk->status |= VALUE_UNRESOLVED;
			break;
		}
		/* Not below any root: memfd, pipes, files of a detached tree. */
		if (dentry == step.parent)
			break;
		dentry = step.parent;
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

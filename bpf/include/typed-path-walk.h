/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The path walk for pointers that the verifier knows (fentry, lsm, fmod_ret, tp_btf; Linux 6.2 for bpf_rdonly_cast):
 * fields are loaded where the other walk copies them, which halves its cost. The meaning is that of path-walk.h.
 */
#ifndef JATAI_TYPED_PATH_WALK_H
#define JATAI_TYPED_PATH_WALK_H

#include "path-walk.h"

/* The mount around a vfsmount: a pointer that went through arithmetic has to be given its type again. */
static inline struct mount *typed_mount_of(struct vfsmount *vfsmount)
{
	return bpf_rdonly_cast(mount_of(vfsmount), bpf_core_type_id_kernel(struct mount));
}

static inline struct vfsmount *typed_vfsmount_of(struct mount *mount)
{
	return bpf_rdonly_cast(vfsmount_of(mount), bpf_core_type_id_kernel(struct vfsmount));
}

static inline struct dentry *typed_dentry(struct dentry *dentry)
{
	return bpf_rdonly_cast(dentry, bpf_core_type_id_kernel(struct dentry));
}

struct typed_walk {
	char *slot;
	volatile struct walk_state *walk;
	struct dentry *dentry;
	struct vfsmount *vfsmount;
	/* Only compared: numbers. */
	__u64 root;
	__u64 root_mount;
};

/*
 * One step, called by bpf_loop: the verifier then follows it a few times instead of once for each component. Every
 * pointer that is kept goes through a cast, so that it has the same type after each step.
 */
static long typed_step(__u32 index, struct typed_walk *at)
{
	struct dentry *dentry = at->dentry;
	struct vfsmount *vfsmount = at->vfsmount;
	struct dentry *parent;
	struct qstr name;

	if ((__u64)dentry == at->root && (__u64)vfsmount == at->root_mount)
		return WALK_ENDS;
	if (dentry == vfsmount->mnt_root) {
		struct mount *mount = typed_mount_of(vfsmount);
		struct mount *above = mount->mnt_parent;

		if (above == mount)
			return WALK_ENDS;
		at->dentry = typed_dentry(mount->mnt_mountpoint);
		at->vfsmount = typed_vfsmount_of(above);
		return WALK_ON;
	}
	parent = dentry->d_parent;
	name.len = dentry->d_name.len;
	name.name = dentry->d_name.name;
	if (!prepend_name(at->slot, at->walk, &name)) {
		at->walk->status |= VALUE_UNRESOLVED;
		return WALK_ENDS;
	}
	/* Not below any root: memfd, pipes, files of a detached tree. */
	if (dentry == parent)
		return WALK_ENDS;
	at->dentry = typed_dentry(parent);
	return WALK_ON;
}

static __noinline __u64 walk_typed_path(char *slot, volatile struct walk_state *walk, struct dentry *dentry,
					struct vfsmount *vfsmount)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_struct *fs = task->fs;
	struct typed_walk at = {
		.slot = slot,
		.walk = walk,
		.dentry = typed_dentry(dentry),
		.vfsmount = bpf_rdonly_cast(vfsmount, bpf_core_type_id_kernel(struct vfsmount)),
		.root = (__u64)fs->root.dentry,
		.root_mount = (__u64)fs->root.mnt,
	};

	walk->offset = STRING_SIZE;
	walk->status = !dentry->d_hash.pprev && dentry->d_parent != dentry ? VALUE_DELETED : 0;
	slot[STRING_SIZE] = 0;
	if (bpf_loop(PATH_COMPONENTS, typed_step, &at, 0) == PATH_COMPONENTS)
		walk->status |= VALUE_UNRESOLVED;
	if (walk->offset == STRING_SIZE) {
		slot[STRING_SIZE - 1] = '/';
		walk->offset = STRING_SIZE - 1;
	}
	return 0;
}

#endif

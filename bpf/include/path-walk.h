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

struct path_walk {
	char *slot;
	volatile struct walk_state *state;
	struct dentry *dentry;
	struct vfsmount *vfsmount;
	struct dentry *mount_root;
	struct dentry *root;
	struct vfsmount *root_mount;
};

#define WALK_ON 0
#define WALK_ENDS 1

static __always_inline long walk_step(struct path_walk *at)
{
	struct step step;

	/* One test instead of two: each branch adds to what the verifier follows. */
	if (!(((__u64)at->dentry ^ (__u64)at->root) | ((__u64)at->vfsmount ^ (__u64)at->root_mount)))
		return WALK_ENDS;
	if (at->dentry == at->mount_root) {
		struct mount *mount = mount_of(at->vfsmount);
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);
		struct vfsmount *vfsmount = vfsmount_of(above);

		if (!above || above == mount)
			return WALK_ENDS;
		at->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		at->vfsmount = vfsmount;
		at->mount_root = BPF_CORE_READ(vfsmount, mnt_root);
		return WALK_ON;
	}
	read_step(&step, at->dentry);
	if (!prepend_name(at->slot, at->state, &step.name)) {
		at->state->status |= VALUE_UNRESOLVED;
		return WALK_ENDS;
	}
	/* Not below any root: memfd, pipes, files of a detached tree. */
	if (at->dentry == step.parent)
		return WALK_ENDS;
	at->dentry = step.parent;
	return WALK_ON;
}

#ifdef HAVE_BPF_LOOP
/* Since 5.17: the verifier follows a step a few times instead of once for each component. */
static long walk_callback(__u32 index, struct path_walk *at)
{
	return walk_step(at);
}

static __always_inline int walk_steps(struct path_walk *at)
{
	return bpf_loop(PATH_COMPONENTS, walk_callback, at, 0);
}
#else
static __always_inline int walk_steps(struct path_walk *at)
{
	int i;

	for (i = 0; i < PATH_COMPONENTS; i++) {
		if (walk_step(at) == WALK_ENDS)
			return i;
	}
	return PATH_COMPONENTS;
}
#endif

/*
 * Writes the path right-aligned into `slot` (STRING_SIZE bytes and slack): it starts at `state->offset` and ends with a
 * NUL at STRING_SIZE. `state->status` gets bits of VALUE_*: in memory too, or every caller would be verified once for
 * each outcome.
 */
static __noinline __attribute__((unused)) __u64 walk_path(char *slot, volatile struct walk_state *state, struct dentry *dentry,
				  struct vfsmount *vfsmount)
{
	struct fs_struct *fs = BPF_CORE_READ(current_task(), fs);
	struct path_walk at = {
		.slot = slot,
		.state = state,
		.dentry = dentry,
		.vfsmount = vfsmount,
		/* Reached without a mount: the path ends at the root of the filesystem. */
		.mount_root = vfsmount ? BPF_CORE_READ(vfsmount, mnt_root) : BPF_CORE_READ(dentry, d_sb, s_root),
		.root = BPF_CORE_READ(fs, root.dentry),
		.root_mount = BPF_CORE_READ(fs, root.mnt),
	};

	state->offset = STRING_SIZE;
	state->status = is_unlinked(dentry) ? VALUE_DELETED : 0;
	slot[STRING_SIZE] = 0;
	if (walk_steps(&at) == PATH_COMPONENTS)
		state->status |= VALUE_UNRESOLVED;
	if (state->offset == STRING_SIZE) {
		slot[STRING_SIZE - 1] = '/';
		state->offset = STRING_SIZE - 1;
	}
	return 0;
}

#endif

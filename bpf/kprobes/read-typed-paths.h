/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Readers of paths that load fields: the argument, of whatever program type, is given its type first (Linux 6.2).
 */
#ifndef JATAI_READ_TYPED_PATHS_H
#define JATAI_READ_TYPED_PATHS_H

#include "read-values.h"
#include "typed-path-walk.h"

static __noinline __u64 read_typed_dentry(__u64 frame_address, __u64 value_and_slot, struct dentry *dentry,
					  struct vfsmount *mnt)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value_and_slot >> 8);
	__u64 slot = value_and_slot & 0xff;

	if (!dentry)
		return unreadable(out);
	walk_typed_path(slot_of(frame, slot), &frame->walk, dentry, mnt);
	out->number = slot_offset(slot) + (frame->walk.offset & (STRING_SIZE - 1));
	out->length = STRING_SIZE - (frame->walk.offset & (STRING_SIZE - 1));
	out->status = frame->walk.status;
	out->mode = dentry->d_inode->i_mode;
	return 0;
}

RUNTIME read_typed_file(__u64 frame, __u64 value, __u64 slot, __u64 pointer)
{
	struct file *file = bpf_rdonly_cast((void *)pointer, bpf_core_type_id_kernel(struct file));

	return read_typed_dentry(frame, value << 8 | slot, file->f_path.dentry, file->f_path.mnt);
}

RUNTIME read_typed_path(__u64 frame, __u64 value, __u64 slot, __u64 pointer)
{
	struct path *path = bpf_rdonly_cast((void *)pointer, bpf_core_type_id_kernel(struct path));

	return read_typed_dentry(frame, value << 8 | slot, path->dentry, path->mnt);
}

RUNTIME read_typed_binprm(__u64 frame, __u64 value, __u64 slot, __u64 pointer)
{
	struct linux_binprm *bprm = bpf_rdonly_cast((void *)pointer, bpf_core_type_id_kernel(struct linux_binprm));

	return read_typed_file(frame, value, slot, (__u64)bprm->file);
}

#endif

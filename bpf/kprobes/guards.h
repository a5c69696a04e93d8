/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a program looks at before it claims a frame: a few bytes that tell, for most calls, that no policy can match.
 * `to` is 16 bytes on the stack of the caller.
 */
#ifndef JATAI_GUARDS_H
#define JATAI_GUARDS_H

#include "frames.h"
#include "typed-path-walk.h"

#define GUARD_SIZE 16
/* No length: the name says nothing, the path has to be walked. */
#define MUST_WALK (~0ULL)

static inline __u64 read_tail(const unsigned char *name, __u32 length, __u64 to)
{
	/* What lies before a short name is readable too: it is inside the dentry or behind the header of the name. */
	bpf_probe_read_kernel((void *)to, GUARD_SIZE, name + length - GUARD_SIZE);
	return length;
}

/* The name of a mount's root is that of its mount point: only the walk finds it. */
static inline __u64 tail_of_path(struct path *path, __u64 to)
{
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct qstr name;

	if (dentry == BPF_CORE_READ(path, mnt, mnt_root))
		return MUST_WALK;
	bpf_core_read(&name, sizeof(name), &dentry->d_name);
	return read_tail(name.name, name.len, to);
}

static inline __u64 tail_of_known_path(struct path *path, __u64 to)
{
	struct dentry *dentry = path->dentry;

	if (dentry == path->mnt->mnt_root)
		return MUST_WALK;
	return read_tail(dentry->d_name.name, dentry->d_name.len, to);
}

/*
 * The last bytes of the last component, right-aligned in `to`; the length of the component, or MUST_WALK. For pointers
 * that the verifier knows, so that fields are loaded and not copied: arguments of fentry, lsm, fmod_ret.
 */
RUNTIME tail_of_typed_file(__u64 pointer, __u64 to)
{
	return tail_of_known_path(&((struct file *)pointer)->f_path, to);
}

RUNTIME tail_of_typed_path(__u64 pointer, __u64 to)
{
	return tail_of_known_path((struct path *)pointer, to);
}

RUNTIME tail_of_typed_binprm(__u64 pointer, __u64 to)
{
	return tail_of_known_path(&((struct linux_binprm *)pointer)->file->f_path, to);
}

/* The same for any pointer, which is given its type first (Linux 6.2). */
RUNTIME tail_of_cast_file(__u64 pointer, __u64 to)
{
	return tail_of_typed_file((__u64)bpf_rdonly_cast((void *)pointer, bpf_core_type_id_kernel(struct file)), to);
}

RUNTIME tail_of_cast_path(__u64 pointer, __u64 to)
{
	return tail_of_typed_path((__u64)bpf_rdonly_cast((void *)pointer, bpf_core_type_id_kernel(struct path)), to);
}

RUNTIME tail_of_cast_binprm(__u64 pointer, __u64 to)
{
	__u32 type = bpf_core_type_id_kernel(struct linux_binprm);

	return tail_of_typed_binprm((__u64)bpf_rdonly_cast((void *)pointer, type), to);
}

/* The same by copying, for pointers that are mere numbers. */
RUNTIME tail_of_copied_file(__u64 pointer, __u64 to)
{
	struct file *file = (struct file *)pointer;

	return tail_of_path(&file->f_path, to);
}

RUNTIME tail_of_copied_path(__u64 pointer, __u64 to)
{
	return tail_of_path((struct path *)pointer, to);
}

RUNTIME tail_of_copied_binprm(__u64 pointer, __u64 to)
{
	struct linux_binprm *bprm = (struct linux_binprm *)pointer;

	return tail_of_copied_file((__u64)BPF_CORE_READ(bprm, file), to);
}

/* The first 15 bytes of a string and a NUL; negative when it cannot be read. */
RUNTIME start_of_string(__u64 pointer, __u64 to)
{
	if ((__s64)pointer < 0)
		return bpf_probe_read_kernel_str((void *)to, GUARD_SIZE, (void *)pointer);
	return bpf_probe_read_user_str((void *)to, GUARD_SIZE, (void *)pointer);
}

#endif

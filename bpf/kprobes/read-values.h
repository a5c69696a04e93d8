/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Readers: each fills frame->values[value] and, for what is longer than a number, a string slot. `pointer` is the raw
 * argument of the hooked function. What cannot be read is VALUE_UNREADABLE, with length 0.
 */
#ifndef JATAI_READ_VALUES_H
#define JATAI_READ_VALUES_H

#include "frames.h"
#include "path-walk.h"

static inline __u64 unreadable(struct frame_value *out)
{
	out->number = 0;
	out->length = 0;
	out->mode = 0;
	out->status = VALUE_UNREADABLE;
	return 0;
}

/* A value that is a structure in a slot. */
static inline __u64 in_slot(struct frame_value *out, __u64 slot, __u32 size)
{
	out->number = slot_offset(slot);
	out->length = size;
	out->status = 0;
	return 0;
}

/* A NUL-terminated string of the kernel or of the process: the address says which. */
RUNTIME read_string(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	char *to = slot_of(frame, slot);
	long length;

	if ((__s64)pointer < 0)
		length = bpf_probe_read_kernel_str(to, STRING_SIZE, (void *)pointer);
	else
		length = bpf_probe_read_user_str(to, STRING_SIZE, (void *)pointer);
	if (length <= 0)
		return unreadable(out);
	out->number = slot_offset(slot);
	out->length = length - 1;
	out->mode = 0;
	out->status = 0;
	if (length == STRING_SIZE) {
		char next = 0;

		if ((__s64)pointer < 0)
			bpf_probe_read_kernel(&next, 1, (void *)(pointer + STRING_SIZE - 1));
		else
			bpf_probe_read_user(&next, 1, (void *)(pointer + STRING_SIZE - 1));
		out->status = next ? VALUE_TRUNCATED : 0;
	}
	return 0;
}

RUNTIME read_filename(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct filename *filename = (struct filename *)pointer;

	/* An error pointer stands for a name that could not be copied. */
	if (!pointer || pointer >= (__u64)-4095)
		return unreadable(value_of((struct frame *)frame_address, value));
	return read_string(frame_address, value, slot, (__u64)BPF_CORE_READ(filename, name));
}

static __noinline __u64 read_dentry_of_mount(__u64 frame_address, __u64 value_and_slot, struct dentry *dentry,
					     struct vfsmount *mnt)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value_and_slot >> 8);
	__u64 slot = value_and_slot & 0xff;
	struct inode *inode;

	if (!dentry)
		return unreadable(out);
	inode = BPF_CORE_READ(dentry, d_inode);
	walk_path(slot_of(frame, slot), &frame->walk, dentry, mnt);
	out->number = slot_offset(slot) + (frame->walk.offset & (STRING_SIZE - 1));
	out->length = STRING_SIZE - (frame->walk.offset & (STRING_SIZE - 1));
	out->status = frame->walk.status;
	out->mode = BPF_CORE_READ(inode, i_mode);
	return 0;
}

RUNTIME read_path(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct path *path = (struct path *)pointer;

	return read_dentry_of_mount(frame_address, value << 8 | slot, BPF_CORE_READ(path, dentry),
				    BPF_CORE_READ(path, mnt));
}

RUNTIME read_file(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct file *file = (struct file *)pointer;

	return read_dentry_of_mount(frame_address, value << 8 | slot, BPF_CORE_READ(file, f_path.dentry),
				    BPF_CORE_READ(file, f_path.mnt));
}

RUNTIME read_binprm(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct linux_binprm *bprm = (struct linux_binprm *)pointer;

	return read_file(frame_address, value, slot, (__u64)BPF_CORE_READ(bprm, file));
}

/*
 * A dentry alone does not say through which mount it was reached: the path goes up to the root of its filesystem, or
 * to the root of the process where that comes first.
 */
RUNTIME read_dentry(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	return read_dentry_of_mount(frame_address, value << 8 | slot, (struct dentry *)pointer, NULL);
}

/* A descriptor of the present process. */
RUNTIME read_fd(__u64 frame_address, __u64 value, __u64 slot, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(current_task(), files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if ((__u32)fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + (__u32)fd);
	return read_file(frame_address, value, slot, (__u64)file);
}

RUNTIME read_sock(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	struct sock_value *to = (struct sock_value *)slot_of(frame, slot);
	struct sock *sk = (struct sock *)pointer;

	if (!sk)
		return unreadable(out);
	__builtin_memset(to, 0, sizeof(*to));
	to->cookie = pointer;
	to->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	to->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	to->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
	to->dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	to->type = BPF_CORE_READ(sk, sk_type);
	to->protocol = BPF_CORE_READ(sk, sk_protocol);
	to->mark = BPF_CORE_READ(sk, sk_mark);
	to->priority = BPF_CORE_READ(sk, sk_priority);
	if (to->family == AF_INET) {
		bpf_probe_read_kernel(to->saddr, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_probe_read_kernel(to->daddr, 4, &sk->__sk_common.skc_daddr);
	} else if (to->family == AF_INET6) {
		bpf_probe_read_kernel(to->saddr, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(to->daddr, 16, &sk->__sk_common.skc_v6_daddr);
	}
	return in_slot(out, slot, sizeof(*to));
}

RUNTIME read_socket(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct socket *socket = (struct socket *)pointer;

	return read_sock(frame_address, value, slot, (__u64)BPF_CORE_READ(socket, sk));
}

/* Of the kernel (`struct sockaddr *` of a function) or of the process (of a system call). */
RUNTIME read_sockaddr(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	struct sockaddr_value *to = (struct sockaddr_value *)slot_of(frame, slot);
	struct sockaddr_in6_bytes from = {};
	long error;

	/* Families shorter than IPv6 end before 28 bytes: read what every family has, then the rest if it is there. */
	if ((__s64)pointer < 0)
		error = bpf_probe_read_kernel(&from, 16, (void *)pointer);
	else
		error = bpf_probe_read_user(&from, 16, (void *)pointer);
	if (error)
		return unreadable(out);
	__builtin_memset(to, 0, sizeof(*to));
	to->family = from.family;
	if (from.family == AF_INET) {
		to->sport = bpf_ntohs(from.port);
		bpf_probe_read_kernel(to->saddr, 4, &from.flowinfo);
	} else if (from.family == AF_INET6) {
		to->sport = bpf_ntohs(from.port);
		if ((__s64)pointer < 0)
			bpf_probe_read_kernel(to->saddr, 16, (void *)(pointer + 8));
		else
			bpf_probe_read_user(to->saddr, 16, (void *)(pointer + 8));
	}
	return in_slot(out, slot, sizeof(*to));
}

RUNTIME read_cred(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);

	if (!pointer)
		return unreadable(out);
	read_credentials((struct credentials *)slot_of(frame, slot), (const struct cred *)pointer);
	return in_slot(out, slot, sizeof(struct credentials));
}

RUNTIME read_user_namespace(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	struct user_namespace_value *to = (struct user_namespace_value *)slot_of(frame, slot);
	struct user_namespace *user_ns = (struct user_namespace *)pointer;

	if (!pointer)
		return unreadable(out);
	to->level = BPF_CORE_READ(user_ns, level);
	to->owner = BPF_CORE_READ(user_ns, owner.val);
	to->group = BPF_CORE_READ(user_ns, group.val);
	to->inum = BPF_CORE_READ(user_ns, ns.inum);
	return in_slot(out, slot, sizeof(*to));
}

/* `size` bytes of the kernel or of the process, or as many of them as a slot holds; `mode` is how many there are. */
RUNTIME read_char_buf(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer, __u64 size)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	__u32 length = size > STRING_SIZE - 1 ? STRING_SIZE - 1 : size;
	long error;

	if ((__s64)pointer < 0)
		error = bpf_probe_read_kernel(slot_of(frame, slot), length & (STRING_SIZE - 1), (void *)pointer);
	else
		error = bpf_probe_read_user(slot_of(frame, slot), length & (STRING_SIZE - 1), (void *)pointer);
	if (error)
		return unreadable(out);
	out->number = slot_offset(slot);
	out->length = length;
	out->mode = size > 0xffffffff ? 0xffffffff : size;
	out->status = size > length ? VALUE_TRUNCATED : 0;
	return 0;
}

/* A word of kernel memory: a saved register of a system call. 0 when it cannot be read. */
RUNTIME read_word(__u64 pointer)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)pointer);
	return word;
}

/*
 * For tests of filters through BPF_PROG_TEST_RUN, where no kernel object is at hand: the value as it would have been
 * read, copied from the process that runs the test.
 */
RUNTIME read_given(__u64 frame_address, __u64 value, __u64 slot, __u64 pointer)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *out = value_of(frame, value);
	struct frame_value given = {};
	__u32 start;

	bpf_probe_read_user(&given, sizeof(given), (void *)pointer);
	if (given.status & VALUE_UNREADABLE)
		return unreadable(out);
	/* Right-aligned as a path is when mode is set, else left-aligned as a string. */
	start = given.mode ? STRING_SIZE - given.length : 0;
	start &= STRING_SIZE - 1;
	bpf_probe_read_user(slot_of(frame, slot) + start, given.length & (STRING_SIZE - 1), (void *)given.number);
	slot_of(frame, slot)[start + (given.length & (STRING_SIZE - 1))] = 0;
	out->number = slot_offset(slot) + start;
	out->length = given.length;
	out->mode = given.mode;
	out->status = given.status;
	return 0;
}

#endif

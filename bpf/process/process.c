// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Process sensors, always on.
 *
 * sched_process_exec  a program replaced another: report it whole, remember what policies compare
 * sched_process_fork  a process was created: it inherits the state of its parent
 * sched_process_exit  the last thread ended: report how, forget the process
 *
 * Raw tracepoints work on kernels without kprobes. But where a task can be preempted inside such a program, the kernel
 * skips it for other tasks on that CPU. There the same is done with preemption off:
 *
 * finalize_exec       kprobe: the arguments of the new program are in place
 * wake_up_new_task    kprobe: the child is complete
 * sched_process_exit  tracepoint
 */
#include <asm/ptrace.h>
#include "cgroup-rate.h"
#include "path-walk.h"
#include "task.h"
#ifdef TYPED_POINTERS
#include "typed-path-walk.h"
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EXEC_ROOM (sizeof(struct exec_record) + 3 * (STRING_SIZE + 8) + 256 + ARGS_CHUNK)
#define RECORD_MASK 0x7fff

/* Set by the agent before loading. 0: exec records have no environment, and the verifier drops what reads it. */
const volatile __u32 with_environment = 0;

/* One exec is described at a time on a CPU; STRING_SLACK lets a name be written at any position of the path. */
struct exec_scratch {
	struct walk_state walk;
	char path[STRING_SIZE + STRING_SLACK];
	__u8 record[EXEC_ROOM];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_scratch);
} exec_scratch SEC(".maps");

/* Two states beside the map: zeros, from which a process without a known parent starts, and one for what does not fit. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct process);
} spare_process SEC(".maps");

/* With typed pointers the same programs attach by type information, and load fields where others copy them. */
#ifdef TYPED_POINTERS
#define TRACEPOINT "tp_btf"
#define walk_seen_path walk_typed_path
#else
#define TRACEPOINT "raw_tp"
#define walk_seen_path walk_path
#endif

static void fill_header(struct record_header *header, __u16 kind, __u32 size, __u16 flags)
{
	__u64 id = bpf_get_current_pid_tgid();

	header->size = size;
	header->kind = kind;
	header->flags = flags;
	header->ktime = bpf_ktime_get_boot_ns();
	header->tgid = id >> 32;
	header->tid = (__u32)id;
}

/* Flags of a record that is an event unless the rate limit holds it back. The agent needs it all the same. */
static __u16 held_back(__u32 counter)
{
	if (!throttled())
		return 0;
	count(counter);
	return RECORD_FLAG_QUIET;
}

/*
 * Which credentials the file gave. The tracepoint runs after the change: the mode of the file says why the effective
 * ids differ from the real ones, and a secure execution that neither explains was caused by file capabilities.
 */
static __u32 raised_privileges(struct exec_record *record, struct linux_binprm *bprm, struct inode *inode)
{
	__u16 mode = READ(inode, i_mode);
	struct credentials *cred = &record->credentials;
	__u32 flags = 0;

	if ((mode & S_ISUID) && cred->euid != cred->uid && cred->euid == READ(inode, i_uid.val)) {
		record->setuid = cred->euid;
		flags |= PROCESS_RAISED_SETUID;
	}
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && cred->egid != cred->gid &&
	    cred->egid == READ(inode, i_gid.val)) {
		record->setgid = cred->egid;
		flags |= PROCESS_RAISED_SETGID;
	}
	if (!flags && cred->permitted && cred->uid && BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		flags |= PROCESS_RAISED_FILE_CAPS;
	return flags;
}

/* Appends `length` bytes padded to eight; the caller has checked that there is room for the largest part. */
static __u32 append(__u8 *record, __u32 at, const void *from, __u32 length)
{
	at &= RECORD_MASK;
	length &= STRING_SIZE - 1;
	if (at > EXEC_ROOM - STRING_SIZE)
		return at;
	bpf_probe_read_kernel(record + at, length, from);
	return at + ((length + 7) & ~7U);
}

static __u32 append_path(struct exec_scratch *scratch, __u32 at, struct path *path, __u32 *length)
{
	struct dentry *dentry = READ(path, dentry);
	struct vfsmount *mnt = READ(path, mnt);
	__u64 start;

	walk_seen_path(scratch->path, &scratch->walk, dentry, mnt);
	start = scratch->walk.offset & (STRING_SIZE - 1);
	*length = STRING_SIZE - start;
	return append(scratch->record, at, scratch->path + start, *length);
}

/* Sends what of arguments and environment did not fit into the exec record. Pages that cannot be read end it: the event is then flagged. */
static void send_remaining_arguments(struct exec_scratch *scratch, struct exec_record *exec, unsigned long start)
{
	struct data_record *data = (struct data_record *)scratch->record;
	__u32 sent = exec->args_inline;
	__u32 total = exec->args_length + exec->env_length;
	struct record_header header = exec->header;
	int i;

	for (i = 0; i < ARGS_CHUNKS && sent < total; i++) {
		__u32 length = total - sent;

		if (length > ARGS_CHUNK)
			length = ARGS_CHUNK;
		data->header = header;
		data->header.kind = RECORD_DATA;
		data->header.size = sizeof(*data) + ARGS_CHUNK;
		data->offset = sent;
		data->length = length;
		if (bpf_probe_read_user(data + 1, length & (2 * ARGS_CHUNK - 1), (void *)(start + sent)))
			return;
		if (post(data, sizeof(*data) + ARGS_CHUNK, LANE_ORDINARY)) {
			count(COUNTER_RING_FULL_DATA);
			return;
		}
		sent += length;
	}
}

/* The environment of a new program begins where its arguments end. Returns how much of it there is room for. */
static __u64 environment_length(struct exec_record *exec, __u64 args_length, unsigned long start, unsigned long end)
{
	__u64 room = (__u64)ARGS_CHUNK * ARGS_CHUNKS - args_length;
	__u64 length = end - start;

	if (length > room) {
		length = room;
		exec->flags |= PROCESS_ERROR_ENVS;
	}
	exec->env_length = length;
	return length;
}

static __u32 append_arguments(struct exec_scratch *scratch, __u32 at, struct task_struct *task, unsigned long start)
{
	struct exec_record *exec = (struct exec_record *)scratch->record;
	unsigned long end = READ(task, mm, arg_end);
	__u64 length = end - start;
	__u32 inlined;

	if (length > (__u64)ARGS_CHUNK * ARGS_CHUNKS) {
		length = (__u64)ARGS_CHUNK * ARGS_CHUNKS;
		exec->flags |= PROCESS_TRUNC_ARGS;
	}
	exec->args_length = length;
	if (with_environment)
		length += environment_length(exec, length, end, READ(task, mm, env_end));
	inlined = length < ARGS_CHUNK ? length : ARGS_CHUNK - 1;
	inlined &= ARGS_CHUNK - 1;
	at &= RECORD_MASK;
	if (at > EXEC_ROOM - ARGS_CHUNK)
		return at;
	if (bpf_probe_read_user(scratch->record + at, inlined, (void *)start)) {
		exec->flags |= with_environment ? PROCESS_ERROR_ARGS | PROCESS_ERROR_ENVS : PROCESS_ERROR_ARGS;
		exec->args_length = 0;
		exec->env_length = 0;
		return at;
	}
	exec->args_inline = inlined;
	return at + ((inlined + 7) & ~7U);
}

/*
 * The state of a process that is entered now: a copy of `from`, or zeros. When the map is full it is one that nobody
 * reads, so that the caller has one way to go.
 */
static struct process *enter_process(__u32 tgid, const struct process *from)
{
	__u32 zeros = 0, unread = 1;
	struct process *process;

	if (!from)
		from = bpf_map_lookup_elem(&spare_process, &zeros);
	if (from && bpf_map_update_elem(&processes, &tgid, from, BPF_ANY))
		count(COUNTER_PROCESS_MAP_FULL);
	process = bpf_map_lookup_elem(&processes, &tgid);
	if (process)
		return process;
	process = bpf_map_lookup_elem(&spare_process, &unread);
	if (process)
		process->ktime = 0;
	return process;
}

/*
 * What policies compare from now on, and the parent of what this process starts. Written in place: nobody else reads
 * the state of a process that is executing a program, for it has one thread.
 */
static void remember(struct exec_scratch *scratch, struct exec_record *exec, struct process *process)
{
	__u64 start = scratch->walk.offset & (STRING_SIZE - 1);
	__u64 length = STRING_SIZE - start;
	__u64 head, tail, tail_at;

	process->ktime = exec->header.ktime;
	process->parent_ktime = exec->parent_ktime;
	process->parent_tgid = exec->parent_tgid;
	process->tgid = exec->header.tgid;
	process->flags = exec->flags;
	process->binary_length = length;
	/* With the NUL that stands behind the path, or cut before one. */
	head = OPAQUE(length + 1);
	if (head > BINARY_SIZE)
		head = BINARY_SIZE;
	bpf_probe_read_kernel(process->binary, head, scratch->path + start);
	process->binary[BINARY_SIZE - 1] = 0;
	tail = OPAQUE(length);
	if (tail > BINARY_TAIL)
		tail = BINARY_TAIL;
	start = OPAQUE(STRING_SIZE - tail) & (STRING_SIZE - 1);
	tail_at = OPAQUE(BINARY_TAIL - tail) & (BINARY_TAIL - 1);
	bpf_probe_read_kernel(process->binary_tail + tail_at, tail, scratch->path + start);
}

static void set_parent(struct exec_record *exec, struct task_struct *task, struct process *self)
{
	exec->flags = PROCESS_EXECVE;
	if (!self->ktime) {
		__u32 parent_tgid = READ(task, real_parent, tgid);
		struct process *parent = bpf_map_lookup_elem(&processes, &parent_tgid);

		exec->flags |= PROCESS_MISS;
		exec->parent_tgid = parent_tgid;
		exec->parent_ktime = parent ? parent->ktime : 0;
		return;
	}
	exec->flags |= self->flags & PROCESS_IN_INIT_TREE;
	/* The first program after a fork descends from the forking process, a later one from its predecessor. */
	if (self->flags & PROCESS_CLONE && !(self->flags & PROCESS_EXECVE)) {
		exec->flags |= PROCESS_CLONE;
		exec->parent_tgid = self->parent_tgid;
		exec->parent_ktime = self->parent_ktime;
	} else {
		exec->parent_tgid = self->tgid;
		exec->parent_ktime = self->ktime;
	}
}

static __always_inline int report_exec(struct task_struct *task, struct linux_binprm *bprm)
{
	struct file *file = READ(bprm, file);
	struct inode *inode = READ(file, f_inode);
	struct fs_struct *fs = READ(task, fs);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 zero = 0, at = sizeof(struct exec_record), length = 0;
	struct exec_scratch *scratch = bpf_map_lookup_elem(&exec_scratch, &zero);
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);
	struct exec_record *exec;
	unsigned long args;
	__u64 size;
	long read;

	/* Entered before anything else: the verifier follows what comes then once, not once with and once without. */
	if (!process)
		process = enter_process(tgid, NULL);
	if (!scratch || !process)
		return 0;
	exec = (struct exec_record *)scratch->record;
	__builtin_memset(exec, 0, sizeof(*exec));
	fill_header(&exec->header, RECORD_EXEC, 0, held_back(COUNTER_THROTTLED_EXEC));
	exec->header.exec_ktime = exec->header.ktime;
	set_parent(exec, task, process);
	read_credentials(&exec->credentials, READ(task, cred));
	read_namespaces(exec->namespaces, task);
	exec->ns_pid = read_namespace_pid(task);
	exec->auid = read_login_uid(task);
	exec->cgroup_id = bpf_get_current_cgroup_id();
	exec->inode = READ(inode, i_ino);
	exec->inode_links = READ(inode, i_nlink);
	exec->flags |= raised_privileges(exec, bprm, inode);

	at = append_path(scratch, at, &file->f_path, &length);
	exec->binary_length = length;
	if (scratch->walk.status & VALUE_DELETED || !exec->inode_links)
		exec->flags |= PROCESS_BINARY_DELETED;
	if (scratch->walk.status & VALUE_UNRESOLVED)
		exec->flags |= PROCESS_BINARY_UNRESOLVED;
	remember(scratch, exec, process);

	at = append_path(scratch, at, &fs->pwd, &length);
	exec->cwd_length = length;
	if (length == 1)
		exec->flags |= PROCESS_ROOT_CWD;
	if (scratch->walk.status & VALUE_UNRESOLVED)
		exec->flags |= PROCESS_CWD_UNRESOLVED;

	at &= RECORD_MASK;
	if (at > EXEC_ROOM - STRING_SIZE)
		return 0;
	read = bpf_probe_read_kernel_str(scratch->record + at, STRING_SIZE, READ(bprm, filename));
	if (read > 0) {
		exec->filename_length = read - 1;
		at += (exec->filename_length + 7) & ~7U;
	} else {
		exec->flags |= PROCESS_ERROR_FILENAME;
	}
	at &= RECORD_MASK;
	if (at > EXEC_ROOM - CGROUP_NAME)
		return 0;
	read = read_cgroup_name(scratch->record + at, CGROUP_NAME);
	if (read > 0) {
		exec->cgroup_length = read - 1;
		at += (exec->cgroup_length + 7) & ~7U;
	}

	args = READ(task, mm, arg_start);
	at = append_arguments(scratch, at, task, args);
	exec->header.size = at;
	/* In 64 bits: 5.10 does not carry bounds of a 32-bit comparison over. */
	size = OPAQUE(at & RECORD_MASK);
	if (size > EXEC_ROOM)
		return 0;
	if (post(exec, size, LANE_SUPPORT)) {
		count(COUNTER_RING_FULL_EXEC);
		return 0;
	}
	if (exec->args_inline < exec->args_length + exec->env_length && !exec->header.flags)
		send_remaining_arguments(scratch, exec, args);
	return 0;
}

SEC(TRACEPOINT "/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *ctx)
{
	return report_exec((struct task_struct *)ctx->args[0], (struct linux_binprm *)ctx->args[2]);
}

SEC("kprobe/finalize_exec")
int process_exec_np(struct pt_regs *ctx)
{
	return report_exec(current_task(), CAST(struct linux_binprm, PT_REGS_PARM1(ctx)));
}

static __always_inline int report_fork(struct task_struct *parent_task, struct task_struct *child)
{
	__u32 parent_tgid = READ(parent_task, tgid);
	__u32 tgid = READ(child, tgid);
	struct process *process, *parent;
	struct fork_record fork;
	__u64 ktime, parent_ktime;

	if (tgid != (__u32)READ(child, pid))
		return 0; /* a thread */
	parent = bpf_map_lookup_elem(&processes, &parent_tgid);
	parent_ktime = parent ? parent->ktime : 0;
	ktime = bpf_ktime_get_boot_ns();
	process = enter_process(tgid, parent);
	if (process) {
		process->ktime = ktime;
		process->tgid = tgid;
		process->parent_tgid = parent_tgid;
		process->parent_ktime = parent_ktime;
		process->flags &= ~(PROCESS_EXECVE | PROCESS_PROCFS);
		process->flags |= parent_ktime ? PROCESS_CLONE : PROCESS_CLONE | PROCESS_MISS;
	}

	fill_header(&fork.header, RECORD_FORK, sizeof(fork), 0);
	fork.header.ktime = ktime;
	fork.header.exec_ktime = ktime;
	fork.header.tgid = tgid;
	fork.header.tid = tgid;
	fork.parent_ktime = parent_ktime;
	fork.parent_tgid = parent_tgid;
	fork.ns_pid = read_namespace_pid(child);
	fork.cgroup_id = bpf_get_current_cgroup_id();
	if (post(&fork, sizeof(fork), LANE_SUPPORT))
		count(COUNTER_RING_FULL_FORK);
	return 0;
}

SEC(TRACEPOINT "/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *ctx)
{
	return report_fork((struct task_struct *)ctx->args[0], (struct task_struct *)ctx->args[1]);
}

SEC("kprobe/wake_up_new_task")
int process_fork_np(struct pt_regs *ctx)
{
	return report_fork(current_task(), CAST(struct task_struct, PT_REGS_PARM1(ctx)));
}

static __u32 exit_code(struct task_struct *task, struct signal_struct *signal)
{
	/* One thread that calls exit_group or dies of a signal decides for all; newer kernels let the last one that ends do so too. */
	if (READ(signal, flags) & SIGNAL_GROUP_EXIT)
		return READ(signal, group_exit_code);
	return READ(task, group_leader, exit_code);
}

static __always_inline int report_exit(struct task_struct *task)
{
	struct signal_struct *signal = READ(task, signal);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct process *process;
	struct exit_record exit;
	__u64 ktime;

	if (READ(signal, live.counter) > 0)
		return 0; /* other threads go on */
	process = bpf_map_lookup_elem(&processes, &tgid);
	ktime = process ? process->ktime : 0;
	/* Two threads may both see that nobody is left: the one that deletes the entry reports. */
	if (process && bpf_map_delete_elem(&processes, &tgid))
		return 0;
	fill_header(&exit.header, RECORD_EXIT, sizeof(exit), held_back(COUNTER_THROTTLED_EXIT));
	exit.header.exec_ktime = ktime;
	exit.code = exit_code(task, signal);
	exit.padding = 0;
	if (post(&exit, sizeof(exit), LANE_SUPPORT))
		count(COUNTER_RING_FULL_EXIT);
	return 0;
}

SEC(TRACEPOINT "/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *ctx)
{
	return report_exit((struct task_struct *)ctx->args[0]);
}

SEC("tp/sched/sched_process_exit")
int process_exit_np(void *ctx)
{
	return report_exit(current_task());
}

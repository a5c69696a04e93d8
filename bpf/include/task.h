/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Credentials, namespaces and ids of a task.
 */
#ifndef JATAI_TASK_H
#define JATAI_TASK_H

#include "kernel.h"
#include "wire.h"

/* Whether two members follow each other as in the local declaration: not where the kernel shuffles its structures. */
#define SIDE_BY_SIDE(first, last, distance) \
	(bpf_core_field_offset(last) - bpf_core_field_offset(first) == (distance))

/* In the order of struct cred. */
struct cred_ids {
	__u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
};

static inline void read_ids(struct cred_ids *ids, const struct cred *cred)
{
	if (!TYPED && SIDE_BY_SIDE(cred->uid, cred->fsgid, sizeof(*ids) - sizeof(__u32))) {
		bpf_probe_read_kernel(ids, sizeof(*ids), &cred->uid);
		return;
	}
	ids->uid = READ(cred, uid.val);
	ids->gid = READ(cred, gid.val);
	ids->suid = READ(cred, suid.val);
	ids->sgid = READ(cred, sgid.val);
	ids->euid = READ(cred, euid.val);
	ids->egid = READ(cred, egid.val);
	ids->fsuid = READ(cred, fsuid.val);
	ids->fsgid = READ(cred, fsgid.val);
}

static inline void read_credentials(struct credentials *out, const struct cred *cred)
{
	struct user_namespace *user_ns = READ(cred, user_ns);
	struct cred_ids ids;

	read_ids(&ids, cred);
	out->uid = ids.uid;
	out->gid = ids.gid;
	out->euid = ids.euid;
	out->egid = ids.egid;
	out->suid = ids.suid;
	out->sgid = ids.sgid;
	out->fsuid = ids.fsuid;
	out->fsgid = ids.fsgid;
	out->permitted = read_capability_set(&cred->cap_permitted);
	out->effective = read_capability_set(&cred->cap_effective);
	out->inheritable = read_capability_set(&cred->cap_inheritable);
	out->securebits = READ(cred, securebits);
	out->user_ns_level = READ(user_ns, level);
	out->user_ns_owner = READ(user_ns, owner.val);
	out->user_ns_group = READ(user_ns, group.val);
	out->user_ns_inum = READ(user_ns, ns.inum);
	out->padding = 0;
}

/*
 * Pids of all levels of namespaces are an array, of which only a fixed element can be loaded: the first, which is that of
 * tasks outside of containers.
 */
static inline __u32 pid_namespace_inum(struct task_struct *task)
{
	struct pid_namespace *pid_ns = NULL;
	struct pid *pid;
	__u32 level;

	if (TYPED && !READ(task, thread_pid, level))
		return OPAQUE(READ(task, thread_pid, numbers[0].ns, ns.inum));
	pid = BPF_CORE_READ(task, thread_pid);
	level = BPF_CORE_READ(pid, level);
	bpf_core_read(&pid_ns, sizeof(pid_ns), &pid->numbers[level].ns);
	return BPF_CORE_READ(pid_ns, ns.inum);
}

/* In the order of struct nsproxy. */
struct namespace_pointers {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

static inline void read_namespace_pointers(struct namespace_pointers *out, struct nsproxy *proxy)
{
	if (!TYPED && bpf_core_field_exists(proxy->time_ns) &&
	    SIDE_BY_SIDE(proxy->uts_ns, proxy->cgroup_ns, sizeof(*out) - sizeof(void *))) {
		bpf_probe_read_kernel(out, sizeof(*out), &proxy->uts_ns);
		return;
	}
	out->uts_ns = READ(proxy, uts_ns);
	out->ipc_ns = READ(proxy, ipc_ns);
	out->mnt_ns = READ(proxy, mnt_ns);
	out->pid_ns_for_children = READ(proxy, pid_ns_for_children);
	out->net_ns = READ(proxy, net_ns);
	if (bpf_core_field_exists(proxy->time_ns)) {
		out->time_ns = READ(proxy, time_ns);
		out->time_ns_for_children = READ(proxy, time_ns_for_children);
	}
	out->cgroup_ns = READ(proxy, cgroup_ns);
}

/* The pointer is copied first: a relocated access may not start at a structure of ours. */
#define INUM_OF(pointer)                                  \
	({                                                \
		typeof(pointer) namespace = (pointer);    \
		READ(namespace, ns.inum);        \
	})

/* `out` in the order of namespaceOrder in wire.ts. */
static inline void read_namespaces(__u32 *out, struct task_struct *task)
{
	struct nsproxy *proxy = READ(task, nsproxy);
	struct namespace_pointers pointers;

	read_namespace_pointers(&pointers, proxy);
	out[0] = INUM_OF(pointers.uts_ns);
	out[1] = INUM_OF(pointers.ipc_ns);
	out[2] = INUM_OF(pointers.mnt_ns);
	out[3] = pid_namespace_inum(task);
	out[4] = INUM_OF(pointers.pid_ns_for_children);
	out[5] = INUM_OF(pointers.net_ns);
	/* Without CONFIG_TIME_NS there are none. */
	if (bpf_core_field_exists(proxy->time_ns)) {
		out[6] = INUM_OF(pointers.time_ns);
		out[7] = INUM_OF(pointers.time_ns_for_children);
	}
	out[8] = INUM_OF(pointers.cgroup_ns);
	out[9] = READ(task, cred, user_ns, ns.inum);
}

/* Pid of the process in its own pid namespace. */
static inline __u32 read_namespace_pid(struct task_struct *task)
{
	struct pid *pid;
	__u32 level, nr = 0;

	if (TYPED && !READ(task, group_leader, thread_pid, level))
		return OPAQUE(READ(task, group_leader, thread_pid, numbers[0].nr));
	pid = BPF_CORE_READ(task, group_leader, thread_pid);
	level = BPF_CORE_READ(pid, level);
	bpf_core_read(&nr, sizeof(nr), &pid->numbers[level].nr);
	return nr;
}

static inline __u32 read_login_uid(struct task_struct *task)
{
	/* Without CONFIG_AUDIT there is none. */
	if (!bpf_core_field_exists(task->loginuid))
		return ~0U;
	return READ(task, loginuid.val);
}

/*
 * For a task at the root of the default hierarchy, where there may be hierarchies of cgroup v1 beside: its cgroup under
 * the first controller that places it below a root of those; NULL when there is none.
 */
static __noinline __attribute__((unused)) struct kernfs_node *legacy_cgroup(void)
{
	struct task_struct *task = current_task();
	struct css_set *set = READ(task, cgroups);
	struct cgroup *unified = READ(set, dfl_cgrp);
	struct cgroup_subsys_state *states[LEGACY_CONTROLLERS];
	int i;

	bpf_core_read(states, sizeof(states), &set->subsys);
#pragma unroll
	for (i = 0; i < LEGACY_CONTROLLERS; i++) {
		struct cgroup_subsys_state *state = CAST(struct cgroup_subsys_state, states[i]);
		struct cgroup *cgroup = READ(state, cgroup);
		struct kernfs_node *node;
		char first = 0;

		if ((__u64)cgroup == (__u64)unified)
			continue;
		node = READ(cgroup, kn);
		bpf_probe_read_kernel(&first, 1, READ(node, name));
		if (first && first != '/')
			return node;
	}
	return NULL;
}

/* Copies the last component of the path of the current task's cgroup; its length with the NUL, negative if unknown. */
static inline long read_cgroup_name(void *to, __u32 size)
{
	struct task_struct *task = current_task();
	long length = bpf_probe_read_kernel_str(to, size, READ(task, cgroups, dfl_cgrp, kn, name));

	/* The name of the root is empty, or a slash. */
	if (length > 1 && *(char *)to != '/')
		return length;
	return bpf_probe_read_kernel_str(to, size, BPF_CORE_READ(legacy_cgroup(), name));
}

/* In the default hierarchy ids are those of inodes, and that of the root is 1. */
#define ROOT_CGROUP 1

static inline __u64 current_cgroup_id(void)
{
	__u64 id = bpf_get_current_cgroup_id();

	return id > ROOT_CGROUP ? id : BPF_CORE_READ(legacy_cgroup(), id);
}

#endif

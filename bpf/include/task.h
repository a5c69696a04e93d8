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
	if (SIDE_BY_SIDE(cred->uid, cred->fsgid, sizeof(*ids) - sizeof(__u32))) {
		bpf_probe_read_kernel(ids, sizeof(*ids), &cred->uid);
		return;
	}
	ids->uid = BPF_CORE_READ(cred, uid.val);
	ids->gid = BPF_CORE_READ(cred, gid.val);
	ids->suid = BPF_CORE_READ(cred, suid.val);
	ids->sgid = BPF_CORE_READ(cred, sgid.val);
	ids->euid = BPF_CORE_READ(cred, euid.val);
	ids->egid = BPF_CORE_READ(cred, egid.val);
	ids->fsuid = BPF_CORE_READ(cred, fsuid.val);
	ids->fsgid = BPF_CORE_READ(cred, fsgid.val);
}

static inline void read_credentials(struct credentials *out, const struct cred *cred)
{
	struct user_namespace *user_ns = BPF_CORE_READ(cred, user_ns);
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
	out->securebits = BPF_CORE_READ(cred, securebits);
	out->user_ns_level = BPF_CORE_READ(user_ns, level);
	out->user_ns_owner = BPF_CORE_READ(user_ns, owner.val);
	out->user_ns_group = BPF_CORE_READ(user_ns, group.val);
	out->user_ns_inum = BPF_CORE_READ(user_ns, ns.inum);
	out->padding = 0;
}

static inline __u32 pid_namespace_inum(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct pid_namespace *pid_ns = NULL;

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
	if (bpf_core_field_exists(proxy->time_ns) &&
	    SIDE_BY_SIDE(proxy->uts_ns, proxy->cgroup_ns, sizeof(*out) - sizeof(void *))) {
		bpf_probe_read_kernel(out, sizeof(*out), &proxy->uts_ns);
		return;
	}
	out->uts_ns = BPF_CORE_READ(proxy, uts_ns);
	out->ipc_ns = BPF_CORE_READ(proxy, ipc_ns);
	out->mnt_ns = BPF_CORE_READ(proxy, mnt_ns);
	out->pid_ns_for_children = BPF_CORE_READ(proxy, pid_ns_for_children);
	out->net_ns = BPF_CORE_READ(proxy, net_ns);
	out->time_ns = bpf_core_field_exists(proxy->time_ns) ? BPF_CORE_READ(proxy, time_ns) : NULL;
	out->time_ns_for_children = out->time_ns ? BPF_CORE_READ(proxy, time_ns_for_children) : NULL;
	out->cgroup_ns = BPF_CORE_READ(proxy, cgroup_ns);
}

/* The pointer is copied first: a relocated access may not start at a structure of ours. */
#define INUM_OF(pointer)                                  \
	({                                                \
		typeof(pointer) namespace = (pointer);    \
		BPF_CORE_READ(namespace, ns.inum);        \
	})

/* `out` in the order of namespaceOrder in wire.ts. */
static inline void read_namespaces(__u32 *out, struct task_struct *task)
{
	struct namespace_pointers pointers;

	read_namespace_pointers(&pointers, BPF_CORE_READ(task, nsproxy));
	out[0] = INUM_OF(pointers.uts_ns);
	out[1] = INUM_OF(pointers.ipc_ns);
	out[2] = INUM_OF(pointers.mnt_ns);
	out[3] = pid_namespace_inum(task);
	out[4] = INUM_OF(pointers.pid_ns_for_children);
	out[5] = INUM_OF(pointers.net_ns);
	out[6] = INUM_OF(pointers.time_ns);
	out[7] = INUM_OF(pointers.time_ns_for_children);
	out[8] = INUM_OF(pointers.cgroup_ns);
	out[9] = BPF_CORE_READ(task, cred, user_ns, ns.inum);
}

/* Pid of the process in its own pid namespace. */
static inline __u32 read_namespace_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	__u32 nr = 0;

	bpf_core_read(&nr, sizeof(nr), &pid->numbers[level].nr);
	return nr;
}

static inline __u32 read_login_uid(struct task_struct *task)
{
	/* Without CONFIG_AUDIT there is none. */
	if (!bpf_core_field_exists(task->loginuid))
		return ~0U;
	return BPF_CORE_READ(task, loginuid.val);
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Credentials, namespaces and ids of a task.
 */
#ifndef JATAI_TASK_H
#define JATAI_TASK_H

#include "kernel.h"
#include "wire.h"

static inline void read_credentials(struct credentials *out, const struct cred *cred)
{
	struct user_namespace *user_ns = BPF_CORE_READ(cred, user_ns);

	out->uid = BPF_CORE_READ(cred, uid.val);
	out->gid = BPF_CORE_READ(cred, gid.val);
	out->euid = BPF_CORE_READ(cred, euid.val);
	out->egid = BPF_CORE_READ(cred, egid.val);
	out->suid = BPF_CORE_READ(cred, suid.val);
	out->sgid = BPF_CORE_READ(cred, sgid.val);
	out->fsuid = BPF_CORE_READ(cred, fsuid.val);
	out->fsgid = BPF_CORE_READ(cred, fsgid.val);
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

/* `out` in the order of namespaceOrder in wire.ts. */
static inline void read_namespaces(__u32 *out, struct task_struct *task)
{
	struct nsproxy *proxy = BPF_CORE_READ(task, nsproxy);

	out[0] = BPF_CORE_READ(proxy, uts_ns, ns.inum);
	out[1] = BPF_CORE_READ(proxy, ipc_ns, ns.inum);
	out[2] = BPF_CORE_READ(proxy, mnt_ns, ns.inum);
	out[3] = pid_namespace_inum(task);
	out[4] = BPF_CORE_READ(proxy, pid_ns_for_children, ns.inum);
	out[5] = BPF_CORE_READ(proxy, net_ns, ns.inum);
	if (bpf_core_field_exists(proxy->time_ns)) {
		out[6] = BPF_CORE_READ(proxy, time_ns, ns.inum);
		out[7] = BPF_CORE_READ(proxy, time_ns_for_children, ns.inum);
	}
	out[8] = BPF_CORE_READ(proxy, cgroup_ns, ns.inum);
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

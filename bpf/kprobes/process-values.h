/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What policies compare of the calling process. Credentials and namespaces are read from the task at the time of the
 * call, not remembered from the start of the program.
 */
#ifndef JATAI_PROCESS_VALUES_H
#define JATAI_PROCESS_VALUES_H

#include "frames.h"
#include "task.h"

/* State of the calling process in the map `processes`, 0 when it is not known there. */
RUNTIME find_process(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	void *process = bpf_map_lookup_elem(&processes, &tgid);

	if (!process)
		count(COUNTER_PROCESS_UNKNOWN);
	return (__u64)process;
}

/*
 * Inode number of a namespace of the caller; `which` counts as namespaceOrder in wire.ts. One of them: all together are
 * some twenty copies.
 */
RUNTIME read_namespace(__u64 which)
{
	struct task_struct *task = current_task();
	struct nsproxy *proxy = BPF_CORE_READ(task, nsproxy);

	switch (which) {
	case 0:
		return BPF_CORE_READ(proxy, uts_ns, ns.inum);
	case 1:
		return BPF_CORE_READ(proxy, ipc_ns, ns.inum);
	case 2:
		return BPF_CORE_READ(proxy, mnt_ns, ns.inum);
	case 3:
		return pid_namespace_inum(task);
	case 4:
		return BPF_CORE_READ(proxy, pid_ns_for_children, ns.inum);
	case 5:
		return BPF_CORE_READ(proxy, net_ns, ns.inum);
	case 6:
		/* Without CONFIG_TIME_NS there are none. */
		return bpf_core_field_exists(proxy->time_ns) ? BPF_CORE_READ(proxy, time_ns, ns.inum) : 0;
	case 7:
		if (!bpf_core_field_exists(proxy->time_ns_for_children))
			return 0;
		return BPF_CORE_READ(proxy, time_ns_for_children, ns.inum);
	case 8:
		return BPF_CORE_READ(proxy, cgroup_ns, ns.inum);
	case 9:
		return BPF_CORE_READ(task, cred, user_ns, ns.inum);
	default:
		return 0;
	}
}

RUNTIME read_own_namespace_pid(void)
{
	return read_namespace_pid(current_task());
}

RUNTIME read_effective(void)
{
	return read_capability_set(&BPF_CORE_READ(current_task(), cred)->cap_effective);
}

RUNTIME read_permitted(void)
{
	return read_capability_set(&BPF_CORE_READ(current_task(), cred)->cap_permitted);
}

RUNTIME read_inheritable(void)
{
	return read_capability_set(&BPF_CORE_READ(current_task(), cred)->cap_inheritable);
}

#endif

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

/* Inode number of a namespace of the caller; `which` counts as namespaceOrder in wire.ts. */
RUNTIME read_namespace(__u64 which)
{
	__u32 inums[16] = {};

	read_namespaces(inums, current_task());
	return inums[which & 15];
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

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Maps shared by the process sensors and every hook program. process.o creates them; the agent makes each later
 * object reuse the same ones.
 *
 * events     written by all, read by the agent through its mapping; full: see lanes.h
 * reserve    written where `events` has no room, by lanes.h
 * owners     written by lanes.h: what each process and cgroup has in the reserve; full: the least used is forgotten
 * processes  written by exec and fork, filled for older processes by the agent (never over an entry made here),
 *            deleted by exit; full: the process is unknown to matchBinaries and counted
 * pending    written by entry programs, deleted by return programs and at exit; full: no return is reported, counted
 * frames     claimed and released by hook programs; two for each CPU and a shared reserve
 * rates      written by cgroup-rate.h; full: the least used is forgotten, its next events are counted anew
 * stats      COUNTERS for each CPU, which the agent has mapped: reading a counter by bpf(2) would make the kernel skip
 *            kprobe and tracepoint programs on that CPU for the time of the call
 */
#ifndef JATAI_MAPS_H
#define JATAI_MAPS_H

#include "kernel.h"
#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PROCESSES);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, COUNTERS); /* the agent makes it so many for each CPU */
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

static inline void count(__u32 counter)
{
	__u32 key = bpf_get_smp_processor_id() * COUNTERS + counter;
	__u64 *value = bpf_map_lookup_elem(&stats, &key);

	/* Atomic: LSM programs are preempted, and every loss counts. */
	if (value)
		__sync_fetch_and_add(value, 1);
}

#endif

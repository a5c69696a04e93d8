/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Maps shared by the process sensors and every hook program. process.o creates them; the agent makes each later
 * object reuse the same ones.
 *
 * events     written by all, read by the agent through its mapping; full: the record is dropped and counted
 * processes  written by exec and fork, filled for older processes by the agent (never over an entry made here),
 *            deleted by exit; full: the process is unknown to matchBinaries and counted
 * pending    written by entry programs, deleted by return programs and at exit; full: no return is reported, counted
 * frames     claimed and released by hook programs; two for each CPU and a shared reserve
 * stats      counters by CPU, summed by the agent
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
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} stats SEC(".maps");

static inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&stats, &counter);

	if (value)
		(*value)++;
}

#endif

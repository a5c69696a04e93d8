/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Joins a matched call with its return: the entry program leaves the id of the call under the thread and the hook,
 * the return program finds it and reports the value. A return without an entry is not ours.
 */
#ifndef JATAI_RETURNS_H
#define JATAI_RETURNS_H

#include "records.h"

struct pending_key {
	__u64 thread;
	__u64 hook;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PENDING_RETURNS);
	__type(key, struct pending_key);
	__type(value, __u64);
} pending SEC(".maps");

/* Before begin_record: gives the call an id and waits for its return. */
RUNTIME await_return(__u64 frame_address, __u64 hook)
{
	struct frame *frame = (struct frame *)frame_address;
	struct pending_key key = { bpf_get_current_pid_tgid(), hook };
	/* A thread is in one call at a time: time and thread make the id unique. */
	__u64 id = bpf_ktime_get_boot_ns() << 8 ^ (key.thread & 0xffffffff) << 40 ^ hook;

	frame->call_id = id ? id : 1;
	if (bpf_map_update_elem(&pending, &key, &frame->call_id, BPF_ANY)) {
		count(COUNTER_PENDING_FULL);
		frame->call_id = 0;
	}
	return 0;
}

RUNTIME report_return(__u64 hook, __u64 value)
{
	struct pending_key key = { bpf_get_current_pid_tgid(), hook };
	__u64 *call_id = bpf_map_lookup_elem(&pending, &key);
	struct return_record record;

	if (!call_id)
		return 0; /* not ours */
	fill_header(&record.header, RECORD_RETURN);
	record.header.size = sizeof(record);
	record.call_id = *call_id;
	record.value = value;
	/* Its call was reported, and waits in the agent. */
	if (post(&record, sizeof(record), LANE_SUPPORT))
		count(COUNTER_RING_FULL_RETURN);
	bpf_map_delete_elem(&pending, &key);
	return 0;
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The rate limit of a cgroup's events on each CPU (`--cgroup-rate`). A cgroup that exceeds it is throttled: its events
 * are held back until it has stayed below for some seconds. While it exceeds it the agent is told so once a second.
 * Calls that were refused or answered with a signal are neither held back nor counted.
 */
#ifndef JATAI_CGROUP_RATE_H
#define JATAI_CGROUP_RATE_H

#include "lanes.h"

#define SECOND 1000000000ULL
/* How long below the limit ends it, and in what time at most it is noticed again that it is above. */
#define THROTTLE_CALM (5 * SECOND)
#define THROTTLE_REPORTS SECOND
/* Times the longest interval (an hour) it stays below 2^64. */
#define MOST_COUNTED (1ULL << 22)

/* Set by the agent before loading; 0 events: no limit, and the verifier drops what follows. */
const volatile __u64 cgroup_rate_events = 0;
const volatile __u64 cgroup_rate_interval = SECOND;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, CGROUP_RATES);
	__type(key, __u64);
	__type(value, struct cgroup_rate);
} rates SEC(".maps");

static inline struct cgroup_rate *rate_of(__u64 cgroup_id)
{
	struct cgroup_rate *rate = bpf_map_lookup_elem(&rates, &cgroup_id);

	if (!rate) {
		struct cgroup_rate none = {};

		bpf_map_update_elem(&rates, &cgroup_id, &none, BPF_NOEXIST);
		rate = bpf_map_lookup_elem(&rates, &cgroup_id);
	}
	return rate;
}

/* Counts an event. The last interval weighs as much as of it lies within one interval from now. */
static inline bool exceeds(struct cgroup_rate *rate, __u64 now)
{
	__u64 age = now - rate->window;

	if (age >= cgroup_rate_interval) {
		bool follows = age < 2 * cgroup_rate_interval;

		rate->count_before = follows ? rate->count : 0;
		rate->window = follows ? rate->window + cgroup_rate_interval : now;
		rate->count = 0;
		age = now - rate->window;
	}
	if (rate->count < MOST_COUNTED)
		rate->count++;
	return rate->count_before * (cgroup_rate_interval - age) / cgroup_rate_interval + rate->count >
	       cgroup_rate_events;
}

static inline void report_throttle(__u64 cgroup_id, __u64 now, __u64 until)
{
	struct throttle_record *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);
	__u64 id = bpf_get_current_pid_tgid();

	if (!record)
		record = bpf_ringbuf_reserve(&reserve, sizeof(*record), 0);
	if (!record) {
		count(COUNTER_RING_FULL_THROTTLE);
		return;
	}
	record->header.size = sizeof(*record);
	record->header.kind = RECORD_THROTTLE;
	record->header.flags = 0;
	record->header.ktime = now;
	record->header.exec_ktime = 0;
	record->header.tgid = id >> 32;
	record->header.tid = (__u32)id;
	record->cgroup_id = cgroup_id;
	record->until = until;
	record->name[0] = 0;
	read_cgroup_name(record->name, sizeof(record->name));
	bpf_ringbuf_submit(record, 0);
}

/* Whether the event that the present task makes is to be held back. */
static __noinline bool exceeds_cgroup_rate(void)
{
	__u64 cgroup_id = current_cgroup_id();
	__u64 now = bpf_ktime_get_boot_ns();
	struct cgroup_rate *rate = rate_of(cgroup_id);

	if (!rate)
		return false;
	/* The agent knows when it ends by the last report alone: `until` moves with reports only. */
	if (exceeds(rate, now) && now - rate->reported >= THROTTLE_REPORTS) {
		rate->reported = now;
		rate->until = now + THROTTLE_CALM + THROTTLE_REPORTS;
		report_throttle(cgroup_id, now, rate->until);
	}
	return now < rate->until;
}

static inline bool throttled(void)
{
	return cgroup_rate_events && exceeds_cgroup_rate();
}

#endif

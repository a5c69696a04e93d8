/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The way of a record to the agent. All go to the ring `events`. When it is full, what must not be lost goes to the
 * ring `reserve`: calls that were refused or answered with a signal, and as long as a quarter of it stays free also exec,
 * fork and exit records, which tell whose they were, and the returns of calls that were reported.
 *
 * Nobody can fill the reserve: a cgroup may have there half as much as is still free, and one process of it half as
 * much as is still free of the cgroup's part. However many flood, a newcomer finds room. What an owner has there
 * counts until the agent has read all of it. None of this is touched before the ring is full.
 */
#ifndef JATAI_LANES_H
#define JATAI_LANES_H

#include "maps.h"
#include "task.h"

enum lane {
	LANE_ORDINARY,
	LANE_SUPPORT,
	LANE_DENIAL,
};

#define POSTED 0
#define NO_ROOM 1
#define SHARE_USED 2
/* One part in so many of the reserve. */
#define KEPT_FOR_DENIALS 4
/* Before each record in a ring. */
#define RING_RECORD_HEADER 8

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RESERVE_SIZE);
} reserve SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RESERVE_OWNERS);
	__type(key, __u64);
	__type(value, struct reserve_share);
} owners SEC(".maps");

/*
 * Keys of `owners`: process ids, complements of cgroup ids (which are small numbers), each once more for what supports
 * denials, so that an owner's flood of one kind leaves its share of the other.
 */
#define SUPPORT_OWNER (1ULL << 62)

static __noinline struct reserve_share *share_of(__u64 owner, __u64 consumed)
{
	struct reserve_share *share = bpf_map_lookup_elem(&owners, &owner);

	if (!share) {
		struct reserve_share none = {};

		bpf_map_update_elem(&owners, &owner, &none, BPF_NOEXIST);
		share = bpf_map_lookup_elem(&owners, &owner);
	}
	if (share && share->end <= consumed)
		share->bytes = 0;
	return share;
}

/* What an owner that has `used` may add, where `room` is free: it may have half as much as that. */
static inline __u64 part_left(__u64 room, __u64 used)
{
	return room / 2 > used ? room / 2 - used : 0;
}

static inline __u64 free_in_reserve(__u64 consumed, enum lane lane)
{
	__u64 size = bpf_ringbuf_query(&reserve, BPF_RB_RING_SIZE);
	__u64 used = bpf_ringbuf_query(&reserve, BPF_RB_PROD_POS) - consumed;

	if (lane == LANE_SUPPORT)
		size -= size / KEPT_FOR_DENIALS;
	return size > used ? size - used : 0;
}

static inline void charge(struct reserve_share *share, __u64 bytes)
{
	__sync_fetch_and_add(&share->bytes, bytes);
	share->end = bpf_ringbuf_query(&reserve, BPF_RB_PROD_POS);
}

/* Not inlined: the verifier then keeps the bounds of `size`. */
static __noinline long post_in_reserve(void *record, __u64 size, enum lane lane)
{
	__u64 consumed = bpf_ringbuf_query(&reserve, BPF_RB_CONS_POS);
	__u64 kind = lane == LANE_SUPPORT ? SUPPORT_OWNER : 0;
	struct reserve_share *cgroup = share_of(~current_cgroup_id() ^ kind, consumed);
	struct reserve_share *process = share_of((bpf_get_current_pid_tgid() >> 32) ^ kind, consumed);
	__u64 left;

	if (!cgroup || !process)
		return NO_ROOM;
	left = part_left(part_left(free_in_reserve(consumed, lane), cgroup->bytes), process->bytes);
	/* `size` alone on one side: 6.12's verifier forgets its bounds when a sum of it is compared. */
	if (left < RING_RECORD_HEADER || size > left - RING_RECORD_HEADER)
		return SHARE_USED;
	if (bpf_ringbuf_output(&reserve, record, size, 0))
		return NO_ROOM;
	charge(cgroup, size + RING_RECORD_HEADER);
	charge(process, size + RING_RECORD_HEADER);
	count(COUNTER_RESERVE_RECORDS);
	return POSTED;
}

/* POSTED, or why the record is lost: for the caller to count. */
static inline long post(void *record, __u64 size, enum lane lane)
{
	if (!bpf_ringbuf_output(&events, record, size, 0))
		return POSTED;
	return lane == LANE_ORDINARY ? NO_ROOM : post_in_reserve(record, size, lane);
}

#endif

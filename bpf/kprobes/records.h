/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The record of a matched call: begun, given the values that the matched policies report, sent. It is put together in
 * the frame because its length is known only at the end.
 */
#ifndef JATAI_RECORDS_H
#define JATAI_RECORDS_H

#include "cgroup-rate.h"
#include "frames.h"

#define RECORD_MASK 0xffff
/* Everything but the longest value fits behind this position. */
#define RECORD_ROOM (RECORD_SIZE - STRING_SIZE - 64)

static inline void fill_header(struct record_header *header, __u16 kind)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	header->size = 0;
	header->kind = kind;
	header->flags = 0;
	header->ktime = bpf_ktime_get_boot_ns();
	header->exec_ktime = process ? process->ktime : 0;
	header->tgid = tgid;
	header->tid = (__u32)id;
}

/* Calls that a policy acted on are reported whatever the rate. */
static inline bool is_denial(struct frame *frame)
{
	return frame->signals | frame->refusals;
}

/* Before anything is done for a record: 0 when the rate limit of the cgroup holds it back, which is counted. */
RUNTIME may_report(__u64 frame_address)
{
	struct frame *frame = (struct frame *)frame_address;

	if (is_denial(frame) || !throttled())
		return 1;
	count(COUNTER_THROTTLED_HOOK);
	return 0;
}

RUNTIME begin_record(__u64 frame_address, __u64 plan_id, __u64 match_words)
{
	struct frame *frame = (struct frame *)frame_address;
	struct hook_record *record = (struct hook_record *)frame->record;

	match_words &= MATCH_WORDS - 1;
	fill_header(&record->header, RECORD_HOOK);
	record->plan_id = plan_id;
	record->match_words = match_words;
	record->value_count = 0;
	record->call_id = frame->call_id;
	/* Nearly always one: a store is cheaper than a call. */
	if (match_words == 1)
		*(__u64 *)(record + 1) = frame->matches[0];
	else
		bpf_probe_read_kernel(record + 1, match_words * 8, frame->matches);
	frame->record_length = sizeof(*record) + match_words * 8;
	return 0;
}

/* Starts a value of `length` bytes; 0 when the record has no room for it, which is counted. */
static inline __u8 *begin_value(struct frame *frame, __u64 value, __u32 length)
{
	struct hook_record *record = (struct hook_record *)frame->record;
	__u32 at = frame->record_length;
	struct value_header *header;

	if (at > RECORD_ROOM) {
		count(COUNTER_RECORD_OVERFLOW);
		return NULL;
	}
	header = (struct value_header *)(frame->record + at);
	header->value = value;
	header->status = value_of(frame, value)->status;
	header->length = length;
	record->value_count++;
	frame->record_length = at + sizeof(*header) + ((length + 7) & ~7U);
	return (__u8 *)(header + 1);
}

/* A number can always be read: its status is what another value has left at this place of the frame. */
RUNTIME emit_number(__u64 frame_address, __u64 value)
{
	struct frame *frame = (struct frame *)frame_address;
	__u64 *to = (__u64 *)begin_value(frame, value, sizeof(*to));

	if (to) {
		((struct value_header *)to - 1)->status = 0;
		*to = value_of(frame, value)->number;
	}
	return 0;
}

static inline void copy_from_slot(struct frame *frame, __u8 *to, __u64 from, __u32 length)
{
	if (from > sizeof(*frame) - RECORD_SIZE)
		return;
	bpf_probe_read_kernel(to, length & (2 * STRING_SIZE - 1) & (length > STRING_SIZE ? 0 : ~0U),
			      (__u8 *)frame + from);
}

RUNTIME emit_string(__u64 frame_address, __u64 value)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *from = value_of(frame, value);
	__u32 length = from->length & (STRING_SIZE - 1);
	__u8 *to = begin_value(frame, value, length);

	if (to)
		copy_from_slot(frame, to, from->number, length);
	return 0;
}

/* Also of a buffer, which has its size in the place of the mode. */
RUNTIME emit_file(__u64 frame_address, __u64 value)
{
	struct frame *frame = (struct frame *)frame_address;
	struct frame_value *from = value_of(frame, value);
	__u32 length = from->length > STRING_SIZE - 1 ? STRING_SIZE - 1 : from->length;
	struct file_value *to = (struct file_value *)begin_value(frame, value, sizeof(*to) + length);

	if (!to)
		return 0;
	to->mode = from->mode;
	to->path_length = length;
	copy_from_slot(frame, (__u8 *)(to + 1), from->number, length);
	return 0;
}

/* What was lost, by kind and by reason. */
static inline __u32 loss_counter(bool denial, long reason)
{
	if (!denial)
		return COUNTER_RING_FULL_HOOK;
	return reason == SHARE_USED ? COUNTER_SHARE_USED_DENIAL : COUNTER_RING_FULL_DENIAL;
}

/* Sends the record. Nowhere room: dropped and counted. */
RUNTIME end_record(__u64 frame_address)
{
	struct frame *frame = (struct frame *)frame_address;
	struct hook_record *record = (struct hook_record *)frame->record;
	__u32 length = frame->record_length & RECORD_MASK;
	bool denial = is_denial(frame);
	long lost = NO_ROOM;

	record->header.size = length;
	if (length <= RECORD_SIZE)
		lost = post(record, length, denial ? LANE_DENIAL : LANE_ORDINARY);
	count(lost ? loss_counter(denial, lost) : COUNTER_HOOK_RECORDS);
	return 0;
}

RUNTIME send_signal_to_caller(__u64 signal)
{
	if (bpf_send_signal(signal))
		count(COUNTER_SIGNAL_FAILED);
	return 0;
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Scratch frames. LSM programs may be preempted and another task may run the same program on the same CPU, so a frame
 * is claimed, not found by CPU: two for each CPU, then a reserve that all share. Who holds a frame is not preempted
 * where a program can prevent it (Linux 6.10): then only interrupts come between, and there are always enough frames.
 */
#ifndef JATAI_FRAMES_H
#define JATAI_FRAMES_H

#include "maps.h"

/* What compiled programs call. Hidden functions become static for the verifier: pointers into maps pass through. */
#define RUNTIME __hidden __attribute__((noinline)) __u64
#define FRAMES_PER_CPU 2
#define FRAMES_RESERVE 14

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

/* Set by the agent before loading. */
const volatile __u32 cpu_count = 1;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FRAMES_PER_CPU + FRAMES_RESERVE);
	__type(key, __u32);
	__type(value, struct frame);
} frames SEC(".maps");

static inline struct frame *candidate_frame(__u32 attempt)
{
	__u32 key;

	if (attempt < FRAMES_PER_CPU)
		key = bpf_get_smp_processor_id() * FRAMES_PER_CPU + attempt;
	else
		key = cpu_count * FRAMES_PER_CPU + attempt - FRAMES_PER_CPU;
	return bpf_map_lookup_elem(&frames, &key);
}

/* A frame for this run, 0 when all are taken: the call is then not examined, and that is counted. */
static __always_inline __u64 claim(void)
{
	__u32 attempt;

	for (attempt = 0; attempt < FRAMES_PER_CPU + FRAMES_RESERVE; attempt++) {
		struct frame *frame = candidate_frame(attempt);

		if (!frame)
			break;
		if (!__sync_lock_test_and_set(&frame->busy, 1))
			return (__u64)frame;
	}
	count(COUNTER_FRAME_EXHAUSTED);
	return 0;
}

RUNTIME claim_frame(void)
{
	return claim();
}

/* Holds the CPU as long as the frame: let_preempt follows its release. */
RUNTIME claim_frame_holding_cpu(void)
{
	__u64 frame;

	bpf_preempt_disable();
	frame = claim();
	if (!frame)
		bpf_preempt_enable();
	return frame;
}

RUNTIME let_preempt(void)
{
	bpf_preempt_enable();
	return 0;
}

/* A call that has to be refused unexamined: letting it pass would be a way around the policies of the hook. */
RUNTIME count_refused_unexamined(void)
{
	count(COUNTER_REFUSED_UNEXAMINED);
	return 0;
}

/*
 * Before 5.12 there is no atomic exchange, and no preemption inside programs either: only an interrupt can come
 * between, and it leaves before the claim goes on.
 */
RUNTIME claim_frame_plain(void)
{
	__u32 attempt;

	for (attempt = 0; attempt < FRAMES_PER_CPU; attempt++) {
		struct frame *frame = candidate_frame(attempt);

		if (!frame)
			break;
		if (!frame->busy) {
			*(volatile __u32 *)&frame->busy = 1;
			return (__u64)frame;
		}
	}
	count(COUNTER_FRAME_EXHAUSTED);
	return 0;
}

static inline struct frame_value *value_of(struct frame *frame, __u64 value)
{
	return &frame->values[value & 63];
}

static inline char *slot_of(struct frame *frame, __u64 slot)
{
	return frame->strings + (slot & (STRING_SLOTS - 1)) * (STRING_SIZE + STRING_SLACK);
}

/* Bytes from the start of the frame, as kept in frame_value.number. */
static inline __u64 slot_offset(__u64 slot)
{
	return __builtin_offsetof(struct frame, strings) + (slot & (STRING_SLOTS - 1)) * (STRING_SIZE + STRING_SLACK);
}

#endif

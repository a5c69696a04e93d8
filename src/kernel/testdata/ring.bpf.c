// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * write_record (raw tracepoint, by test run): context word 0 is a sequence number, word 1 the length of the record's body,
 * word 2 is 1 to discard the record, 2 to write it to the ring `minor`. A record is {u64 sequence; u64 length; body bytes
 * of value (sequence & 0xff)}. Returns 1 when the ring is full.
 */

#define MAX_BODY 2048

struct record {
	__u64 sequence;
	__u64 length;
	__u8 body[MAX_BODY];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} records SEC(".maps"), minor SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct record);
} scratch SEC(".maps");

__u64 lost;

SEC("raw_tp")
int write_record(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sequence = ctx->args[0];
	__u64 length = ctx->args[1];
	__u32 key = 0;

	if (ctx->args[2] == 1) {
		void *reserved = bpf_ringbuf_reserve(&records, 24, 0);

		if (!reserved)
			return 1;
		bpf_ringbuf_discard(reserved, 0);
		return 0;
	}
	struct record *record = bpf_map_lookup_elem(&scratch, &key);

	if (!record || length > MAX_BODY)
		return 2;
	record->sequence = sequence;
	record->length = length;
	for (__u32 i = 0; i < 64; i++)
		record->body[i] = sequence;
	if (ctx->args[2] == 2)
		return bpf_ringbuf_output(&minor, record, 16 + length, 0) ? 1 : 0;
	if (bpf_ringbuf_output(&records, record, 16 + length, 0)) {
		__sync_fetch_and_add(&lost, 1);
		return 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

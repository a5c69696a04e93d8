// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* add (raw tracepoint, by test run): adds its context words and the global variables; counts its runs. */

const volatile __u32 offset32;
const volatile __s64 offset64 = 5;
const volatile __u8 bytes[4];

__u64 runs;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} percpu SEC(".maps");

SEC("raw_tp")
int add(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 key = ctx->args[0];
	__u64 *value = bpf_map_lookup_elem(&table, &key);
	__u32 *count = bpf_map_lookup_elem(&percpu, &(__u32){ 1 });

	__sync_fetch_and_add(&runs, 1);
	if (count)
		*count += 1;
	return ctx->args[0] + ctx->args[1] + offset32 + offset64 + bytes[3] + (value ? *value : 0);
}

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_getpgid(void *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	return 0;
}

SEC("cgroup/sock_create")
int on_socket(struct bpf_sock *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

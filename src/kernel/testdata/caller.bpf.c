// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Calls a function of library.bpf.c. */
extern __u64 doubled(__u64 value);

SEC("raw_tp")
int call_doubled(struct bpf_raw_tracepoint_args *ctx)
{
	return doubled(ctx->args[0]);
}

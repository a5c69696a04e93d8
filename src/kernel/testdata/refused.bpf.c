// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* A program the verifier refuses: it reads through a number. */
SEC("raw_tp")
int reads_a_number(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 *pointer = (__u64 *)ctx->args[0];

	return *pointer;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

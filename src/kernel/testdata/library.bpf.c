// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The runtime of the linker test. */
__hidden __attribute__((noinline)) __u64 doubled(__u64 value)
{
	return value * 2;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

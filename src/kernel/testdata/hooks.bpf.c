// SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

/*
 * One program for each mechanism, on the opening of files. Each counts the runs of the process `pid`; the two that can refuse
 * do so while `refuse` is set.
 */

__u64 runs;
__u32 pid;
__u32 refuse;

static int count(void)
{
	if ((__u32)(bpf_get_current_pid_tgid() >> 32) != pid)
		return 0;
	__sync_fetch_and_add(&runs, 1);
	return refuse ? -1 : 0;
}

SEC("kprobe/security_file_open")
int kprobe_open(void *ctx)
{
	count();
	return 0;
}

SEC("fentry/security_file_open")
int fentry_open(void *ctx)
{
	count();
	return 0;
}

SEC("fexit/security_file_open")
int fexit_open(void *ctx)
{
	count();
	return 0;
}

SEC("fmod_ret/security_file_open")
int fmod_ret_open(__u64 *ctx)
{
	return count();
}

SEC("lsm/file_open")
int lsm_open(__u64 *ctx)
{
	return count();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

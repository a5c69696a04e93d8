/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What our own writer of objects cannot express: loads through pointers whose address has to be checked, and turns of
 * bpf_loop. Programs of a pair differ by 64 of them.
 */
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define REPEAT8(statement) statement statement statement statement statement statement statement statement
#define REPEAT64(statement) REPEAT8(REPEAT8(statement))
#define LOAD(at) asm volatile("%0 = *(u64 *)(%1 + " #at ")" : "=r"(value) : "r"(task));

struct task_struct {
	int prio;
} __attribute__((preserve_access_index));

extern void *bpf_rdonly_cast(const void *object, __u32 type_id) __ksym;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct task_struct *cast_task(void)
{
	return bpf_rdonly_cast((void *)bpf_get_current_task(), bpf_core_type_id_kernel(struct task_struct));
}

SEC("raw_tp/sys_enter") int loads_none(void *ctx)
{
	struct task_struct *task = cast_task();
	__u64 value = 0;

	asm volatile("" : : "r"(task));
	return value;
}

SEC("raw_tp/sys_enter") int loads_with_offset(void *ctx)
{
	struct task_struct *task = cast_task();
	__u64 value = 0;

	REPEAT64(LOAD(8))
	return value;
}

SEC("raw_tp/sys_enter") int loads_without_offset(void *ctx)
{
	struct task_struct *task = cast_task();
	__u64 value = 0;

	REPEAT64(LOAD(0))
	return value;
}

static long turn(__u32 index, void *context)
{
	return 0;
}

SEC("raw_tp/sys_enter") int turns_64(void *ctx)
{
	__u64 context = 0;

	bpf_loop(64, turn, &context, 0);
	return 0;
}

SEC("raw_tp/sys_enter") int turns_128(void *ctx)
{
	__u64 context = 0;

	bpf_loop(128, turn, &context, 0);
	return 0;
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Loader sensor, attached while a policy has `loader: true`.
 *
 * perf_event_mmap_output  kprobe: the kernel tells a perf event of a mapping. When the perf event is one of ours and the
 *                         mapping one of a file that may be executed: report path and build id
 *
 * The agent keeps a perf event on each CPU that asks for mappings and their build ids; nothing reads it. Only perf
 * events of others that ask for mappings run the program besides.
 */
#include <asm/ptrace.h>
#include "cgroup-rate.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by the agent before loading: what its perf events have in `config1`, which no other has. */
const volatile __u64 event_mark = 0;

struct loader_scratch {
	struct loader_record record;
	char path[STRING_SIZE];
};

/* The kernel calls the function with preemption off, so there is one record at a time on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct loader_scratch);
} loader_scratch SEC(".maps");

static void fill_header(struct record_header *header)
{
	struct task_struct *task = current_task();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tgid = id >> 32;
	struct process *process = bpf_map_lookup_elem(&processes, &tgid);

	header->kind = RECORD_LOADER;
	header->flags = 0;
	/* Without this member the file is reported for the program before. */
	if (bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		header->flags = RECORD_FLAG_EXECUTING;
	header->ktime = bpf_ktime_get_boot_ns();
	header->exec_ktime = process ? process->ktime : 0;
	header->tgid = tgid;
	header->tid = (__u32)id;
}

static void read_build_id(struct loader_record *record, struct perf_mmap_event *mapping)
{
	__u32 size = BPF_CORE_READ(mapping, build_id_size);

	record->build_id_length = size > BUILD_ID_SIZE ? BUILD_ID_SIZE : size;
	bpf_core_read(record->build_id, BUILD_ID_SIZE, &mapping->build_id);
}

SEC("kprobe/perf_event_mmap_output")
int process_loader(struct pt_regs *ctx)
{
	struct perf_event *event = (struct perf_event *)PT_REGS_PARM1(ctx);
	struct perf_mmap_event *mapping = (struct perf_mmap_event *)PT_REGS_PARM2(ctx);
	struct loader_scratch *scratch;
	__u32 zero = 0;
	__u64 size;
	long length;

	if (BPF_CORE_READ(event, attr.config1) != event_mark)
		return 0; /* not ours */
	if (!(BPF_CORE_READ(mapping, prot) & PROT_EXEC) || !BPF_CORE_READ(mapping, vma, vm_file))
		return 0; /* data, or code without a file */
	scratch = bpf_map_lookup_elem(&loader_scratch, &zero);
	if (!scratch)
		return 0;
	if (throttled()) {
		count(COUNTER_THROTTLED_LOADER);
		return 0;
	}
	fill_header(&scratch->record.header);
	read_build_id(&scratch->record, mapping);
	length = bpf_probe_read_kernel_str(scratch->path, sizeof(scratch->path), BPF_CORE_READ(mapping, file_name));
	/* Its NUL is not part of it. */
	length = length > 0 ? length - 1 : 0;
	scratch->record.path_length = length;
	size = OPAQUE(sizeof(scratch->record) + ((length + 7) & ~7UL));
	scratch->record.header.size = size;
	if (size > sizeof(*scratch))
		return 0;
	if (post(&scratch->record, size, LANE_ORDINARY))
		count(COUNTER_RING_FULL_LOADER);
	return 0;
}

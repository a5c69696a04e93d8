/** A kernel helper: its number in calls, and the first kernel version that has it. */
export interface Helper {
  readonly id: number;
  readonly since: readonly [major: number, minor: number];
}

/** Kernel helpers by name without `bpf_`, as in `enum bpf_func_id` of the kernel's `uapi/linux/bpf.h`. */
export const helpers = {
  map_lookup_elem: { id: 1, since: [3, 19] },
  map_update_elem: { id: 2, since: [3, 19] },
  map_delete_elem: { id: 3, since: [3, 19] },
  ktime_get_ns: { id: 5, since: [4, 1] },
  trace_printk: { id: 6, since: [4, 1] },
  get_prandom_u32: { id: 7, since: [4, 1] },
  get_smp_processor_id: { id: 8, since: [4, 1] },
  tail_call: { id: 12, since: [4, 2] },
  get_current_pid_tgid: { id: 14, since: [4, 2] },
  get_current_uid_gid: { id: 15, since: [4, 2] },
  get_current_comm: { id: 16, since: [4, 2] },
  perf_event_output: { id: 25, since: [4, 4] },
  get_stackid: { id: 27, since: [4, 6] },
  get_current_task: { id: 35, since: [4, 8] },
  override_return: { id: 58, since: [4, 16] },
  get_stack: { id: 67, since: [4, 18] },
  get_current_cgroup_id: { id: 80, since: [4, 18] },
  send_signal: { id: 109, since: [5, 3] },
  probe_read_user: { id: 112, since: [5, 5] },
  probe_read_kernel: { id: 113, since: [5, 5] },
  probe_read_user_str: { id: 114, since: [5, 5] },
  probe_read_kernel_str: { id: 115, since: [5, 5] },
  send_signal_thread: { id: 117, since: [5, 6] },
  get_ns_current_pid_tgid: { id: 120, since: [5, 7] },
  get_current_ancestor_cgroup_id: { id: 123, since: [5, 7] },
  ktime_get_boot_ns: { id: 125, since: [5, 8] },
  ringbuf_output: { id: 130, since: [5, 8] },
  ringbuf_reserve: { id: 131, since: [5, 8] },
  ringbuf_submit: { id: 132, since: [5, 8] },
  ringbuf_discard: { id: 133, since: [5, 8] },
  ringbuf_query: { id: 134, since: [5, 8] },
  inode_storage_get: { id: 145, since: [5, 10] },
  d_path: { id: 147, since: [5, 10] },
  copy_from_user: { id: 148, since: [5, 10] },
  per_cpu_ptr: { id: 153, since: [5, 10] },
  this_cpu_ptr: { id: 154, since: [5, 10] },
  task_storage_get: { id: 156, since: [5, 11] },
  task_storage_delete: { id: 157, since: [5, 11] },
  get_current_task_btf: { id: 158, since: [5, 11] },
  for_each_map_elem: { id: 164, since: [5, 13] },
  get_func_ip: { id: 173, since: [5, 15] },
  get_attach_cookie: { id: 174, since: [5, 15] },
  task_pt_regs: { id: 175, since: [5, 15] },
  loop: { id: 181, since: [5, 17] },
  strncmp: { id: 182, since: [5, 17] },
  get_func_arg: { id: 183, since: [5, 17] },
  get_func_ret: { id: 184, since: [5, 17] },
  get_func_arg_cnt: { id: 185, since: [5, 17] },
  copy_from_user_task: { id: 191, since: [5, 18] },
  map_lookup_percpu_elem: { id: 195, since: [5, 19] },
} as const satisfies Record<string, Helper>;

export type HelperName = keyof typeof helpers;

const namesById = new Map<number, string>(Object.entries(helpers).map(([name, { id }]) => [id, name]));

/** `map_lookup_elem` for 1; undefined for a number not in the table. */
export function helperName(id: number): string | undefined {
  return namesById.get(id);
}

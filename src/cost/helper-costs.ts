import { helpers } from '../ebpf/helper-ids.ts';
import { type AbstractValue, pointerTo, unknownData, zero } from './abstract-value.ts';
import type { Assumptions } from './assumptions.ts';

/** What a call of a kernel helper is taken for. */
export interface HelperModel {
  /** Machine instructions; `size` is the argument that says how many bytes, undefined when it is not known. */
  readonly cost: (size: number | undefined, assumed: Assumptions) => number;
  /** Number of the register that holds the size. */
  readonly sizeIn?: 2 | 3;
  readonly result: AbstractValue;
}

const length: AbstractValue = { kind: 'unknown', nature: 'length' };
const fixed =
  (cost: number): HelperModel['cost'] =>
  () =>
    cost;
/** Copies go by words of 8 bytes. */
const copying =
  (start: number, perByte: number): HelperModel['cost'] =>
  (size, assumed) =>
    Math.round(start + perByte * (size ?? assumed.nameBytes));
/** Strings are copied up to their end, whatever room there is. */
const copyingText =
  (start: number, perByte: number): HelperModel['cost'] =>
  (size, assumed) =>
    Math.round(start + perByte * Math.min(size ?? assumed.stringBytes, assumed.stringBytes));

/** Counted like everything in `machine-costs.ts`. A lookup is one in a hash map, and finds. */
const models: Readonly<Record<number, HelperModel>> = {
  [helpers.map_lookup_elem.id]: { cost: fixed(142), result: pointerTo('map') },
  /* The program that follows is another. */
  [helpers.tail_call.id]: { cost: fixed(21), result: zero },
  [helpers.map_update_elem.id]: { cost: fixed(458), result: zero },
  [helpers.map_delete_elem.id]: { cost: fixed(373), result: zero },
  [helpers.ktime_get_ns.id]: { cost: fixed(47), result: unknownData },
  [helpers.ktime_get_boot_ns.id]: { cost: fixed(51), result: unknownData },
  [helpers.get_stack.id]: { cost: fixed(2000), result: length },
  [helpers.get_smp_processor_id.id]: { cost: fixed(3), result: unknownData },
  [helpers.get_current_pid_tgid.id]: { cost: fixed(11), result: unknownData },
  [helpers.get_current_task.id]: { cost: fixed(4), result: pointerTo('kernel') },
  [helpers.get_current_task_btf.id]: { cost: fixed(4), result: pointerTo('kernel') },
  [helpers.get_current_cgroup_id.id]: { cost: fixed(27), result: unknownData },
  [helpers.probe_read_kernel.id]: { cost: copying(74, 1.25), sizeIn: 2, result: zero },
  [helpers.probe_read_user.id]: { cost: copying(117, 1), sizeIn: 2, result: zero },
  [helpers.probe_read_user_str.id]: { cost: copyingText(131, 1.9), sizeIn: 2, result: length },
  [helpers.probe_read_kernel_str.id]: { cost: copyingText(68, 13), sizeIn: 2, result: length },
  [helpers.ringbuf_output.id]: {
    cost: (size, assumed) => Math.round(171 + 0.375 * (size ?? assumed.recordBytes)),
    sizeIn: 3,
    result: zero,
  },
  [helpers.ringbuf_reserve.id]: { cost: fixed(90), result: pointerTo('map') },
  [helpers.ringbuf_submit.id]: { cost: fixed(51), result: unknownData },
  [helpers.ringbuf_discard.id]: { cost: fixed(51), result: unknownData },
  [helpers.ringbuf_query.id]: { cost: fixed(13), result: unknownData },
  [helpers.send_signal.id]: { cost: fixed(697), result: zero },
};

/** Functions of the kernel that are called by name. */
export const kernelFunctions: Readonly<Record<string, { readonly cost: number; readonly result: AbstractValue }>> = {
  /* The verifier replaces it by a move. */
  bpf_rdonly_cast: { cost: 1, result: pointerTo('kernel') },
  bpf_preempt_disable: { cost: 5, result: unknownData },
  bpf_preempt_enable: { cost: 8, result: unknownData },
};

/** Lookups that cost something else than one in a hash map with a key of 4 bytes: those in arrays are inlined. */
export const lookupCosts: Readonly<Record<string, number>> = { frames: 7, stats: 9, generation: 7, pending: 167 };

/** Undefined for a helper that has not been measured. */
export function helperModel(id: number): HelperModel | undefined {
  return models[id];
}

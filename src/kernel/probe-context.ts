import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { KernelConfig } from './kernel-config.ts';

/** What probes need to know of the kernel. */
export interface ProbeContext {
  readonly version: KernelFacts['version'];
  /** BTF ids of functions; undefined without BTF. */
  readonly functionIds: ReadonlyMap<string, number> | undefined;
  readonly config: KernelConfig | undefined;
  /** `subsystem/event`. */
  readonly tracepoints: ReadonlySet<string>;
}

/** File of perf's kprobe events: what `kprobe` programs attach through. */
export const KPROBE_EVENT_TYPE = '/sys/bus/event_source/devices/kprobe/type';

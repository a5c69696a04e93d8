import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { KeySet } from './lazy-record.ts';

/** BTF ids of functions by name. */
export interface FunctionIds {
  get(name: string): number | undefined;
}

/** What probes need to know of the kernel. */
export interface ProbeContext {
  readonly version: KernelFacts['version'];
  /** Undefined without BTF. */
  readonly functions: FunctionIds | undefined;
  readonly config: () => KernelConfig | undefined;
  /** `subsystem/event`. */
  readonly tracepoints: Pick<KeySet, 'has'>;
}

/** File of perf's kprobe events: what `kprobe` programs attach through. */
export const KPROBE_EVENT_TYPE = '/sys/bus/event_source/devices/kprobe/type';

import { attachRawTracepoint, attachTrace, type Link } from '../kernel/attach.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';
import { missedRuns } from '../kernel/program-info.ts';
import type { SharedMaps } from './shared-maps.ts';

/** Program of process.o and its raw tracepoint. Exit last: a process that ends must have been entered. */
const sensors: readonly [program: string, event: string][] = [
  ['process_exec', 'sched_process_exec'],
  ['process_fork', 'sched_process_fork'],
  ['process_exit', 'sched_process_exit'],
];

/** Exec, fork and exit of every process, always on. */
export class BaseSensors {
  readonly #object: BpfObject;
  readonly #links: Link[] = [];

  /** Loads and attaches. Throws a KernelError. */
  constructor(bytes: Uint8Array, maps: SharedMaps) {
    this.#object = BpfObject.open(bytes, 'process');
    try {
      maps.shareWith(this.#object);
      this.#object.load();
      for (const [program, event] of sensors) {
        this.#links.push(attachSensor(this.#object.program(program), event));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Runs that the kernel skipped, by program. */
  missedRuns(): [program: string, count: number][] {
    return sensors.map(([program]) => [program, missedRuns(this.#object.program(program).fd)]);
  }

  close(): void {
    for (const link of this.#links.splice(0)) link.close();
    this.#object.close();
  }
}

/** Where fields can be loaded through typed pointers the programs are compiled for that; else plain raw tracepoints. */
function attachSensor(program: ObjectProgram, event: string): Link {
  return program.section.startsWith('tp_btf/') ? attachTrace(program) : attachRawTracepoint(program, event);
}

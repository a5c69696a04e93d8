import { skipsOtherTasks } from '../compiler/attach-planner.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { Link } from '../kernel/attach.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';
import { missedRuns } from '../kernel/program-info.ts';
import { programStats } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';
import type { ProgramEntry } from './hooks-file.ts';
import type { SharedMaps } from './shared-maps.ts';

/** Programs of process.o, each with the one that does the same with preemption off. Exit last: who ends must be known. */
const sensors = [
  { program: 'process_exec', withoutPreemption: 'process_exec_np' },
  { program: 'process_fork', withoutPreemption: 'process_fork_np' },
  { program: 'process_exit', withoutPreemption: 'process_exit_np' },
] as const;

/** Exec, fork and exit of every process, always on. */
export class BaseSensors {
  readonly #object: BpfObject;
  readonly #programs: readonly ObjectProgram[];
  readonly #links: Link[] = [];

  /** Loads and attaches. Throws a KernelError. */
  constructor(bytes: Uint8Array, maps: SharedMaps, facts: KernelFacts) {
    this.#object = BpfObject.open(bytes, 'process');
    const preemptionOff =
      skipsOtherTasks(facts) && facts.features.kprobe.available && facts.features.tracepoint.available;
    this.#programs = sensors.map(({ program, withoutPreemption }) => {
      const [used, unused] = preemptionOff ? [withoutPreemption, program] : [program, withoutPreemption];
      this.#object.program(unused).setAutoload(false);
      return this.#object.program(used);
    });
    try {
      maps.shareWith(this.#object);
      this.#object.load();
      for (const program of this.#programs) this.#links.push(attachSection(program));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  describe(): ProgramEntry[] {
    return this.#programs.map(({ name, section, fd }) => ({ name, section, programId: programStats(fd).id }));
  }

  /** Runs that the kernel skipped, by program. */
  missedRuns(): [program: string, count: number][] {
    return this.#programs.map((program) => [program.name, missedRuns(program.fd)]);
  }

  close(): void {
    for (const link of this.#links.splice(0)) link.close();
    this.#object.close();
  }
}

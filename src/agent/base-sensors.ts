import { skipsOtherTasks } from '../compiler/attach-planner.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { Link } from '../kernel/attach.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { missedRuns } from '../kernel/program-info.ts';
import { type ProgramStats, programStats } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';
import type { ProgramEntry } from './hooks-file.ts';
import type { KeptBase, KeptProgram } from './kept-base.ts';
import type { SharedMaps } from './shared-maps.ts';

/** Programs of process.o, each with the one that does the same with preemption off. Exit last: who ends must be known. */
const sensors = [
  { program: 'process_exec', withoutPreemption: 'process_exec_np' },
  { program: 'process_fork', withoutPreemption: 'process_fork_np' },
  { program: 'process_exit', withoutPreemption: 'process_exit_np' },
] as const;

/** Whether the sensors that run with preemption off are needed, and can be had. */
export function needsPreemptionOff(facts: KernelFacts): boolean {
  return skipsOtherTasks(facts) && facts.features.kprobe.available && facts.features.tracepoint.available;
}

export interface SensorOptions {
  /** Attach those that run with preemption off. */
  readonly preemptionOff: boolean;
  /** Send the environment of programs with their arguments. */
  readonly withEnvironment: boolean;
}

/** Exec, fork and exit of every process, always on. */
export class BaseSensors {
  readonly #object: BpfObject | undefined;
  #programs: readonly KeptProgram[] = [];
  readonly #links: Link[] = [];
  readonly #isKept: boolean;

  /** Loads and attaches, or takes over those of an adopted base. Throws a KernelError. */
  constructor(bytes: Uint8Array, maps: SharedMaps, options: SensorOptions, base?: KeptBase) {
    this.#isKept = base !== undefined;
    if (base?.isAdopted) {
      this.#programs = base.adoptSensors();
      return;
    }
    this.#object = BpfObject.open(bytes, 'process');
    try {
      this.#start(this.#object, maps, options, base);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #start(object: BpfObject, maps: SharedMaps, options: SensorOptions, base: KeptBase | undefined): void {
    const { preemptionOff, withEnvironment } = options;
    const used = sensors.map(({ program, withoutPreemption }) => {
      object.program(preemptionOff ? program : withoutPreemption).setAutoload(false);
      return object.program(preemptionOff ? withoutPreemption : program);
    });
    maps.shareWith(object);
    object.setGlobal('with_environment', withEnvironment ? 1 : 0);
    object.load();
    this.#programs = used;
    for (const program of used) {
      const link = attachSection(program);
      this.#links.push(link);
      base?.keepSensor(program, link);
    }
  }

  describe(): ProgramEntry[] {
    return this.#programs.map(({ name, section, fd }) => ({ name, section, programId: programStats(fd).id }));
  }

  /** What the kernel counted of every program, by its number. */
  stats(): Map<number, ProgramStats> {
    const stats = this.#programs.map(({ fd }) => programStats(fd));
    return new Map(stats.map((found) => [found.id, found]));
  }

  /** Runs that the kernel skipped, by program. */
  missedRuns(): [program: string, count: number][] {
    return this.#programs.map((program) => [program.name, missedRuns(program.fd)]);
  }

  /** Detaches them unless they are kept. */
  close(): void {
    for (const link of this.#links.splice(0)) {
      if (this.#isKept) link.letGo();
      else link.close();
    }
    this.#object?.close();
  }
}

import { FunctionBuilder, R0 } from '../ebpf/function-builder.ts';
import { writeObject } from '../ebpf/object-writer.ts';
import type { Link } from '../kernel/attach.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { programStats, RunStatistics } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';

/** Counts the calls of one place of the kernel by an empty program, as long as `RunStatistics` are on. */
export class CallCounter {
  readonly section: string;
  readonly #object: BpfObject;
  readonly #link: Link;

  /** Attaches at a libbpf section such as `fentry/security_file_open`. Throws a KernelError. */
  constructor(section: string) {
    this.section = section;
    this.#object = BpfObject.open(writeCounter(section), 'counter');
    try {
      this.#object.load();
      this.#link = attachSection(this.#object.program(programName));
    } catch (error) {
      this.#object.close();
      throw error;
    }
  }

  /** Calls since statistics were turned on, those that the kernel skipped included. */
  calls(): number {
    const { runCount, missedRuns } = programStats(this.#object.program(programName).fd);
    return runCount + missedRuns;
  }

  close(): void {
    this.#link.close();
    this.#object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const programName = 'count_calls';

function writeCounter(section: string): Uint8Array {
  return writeObject({
    license: 'Dual BSD/GPL',
    defaultSource: 'counter',
    programs: [{ section, function: new FunctionBuilder(programName).movImm(R0, 0).exit().build() }],
    functions: [],
    externs: [],
    maps: [],
  });
}

export interface CallRates {
  /** By section: calls in a second. */
  readonly rates: ReadonlyMap<string, number>;
  /** By section: why nothing could be counted there. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Attaches counters at all sections, waits, and detaches them. Says of each place that cannot be counted why. */
export async function countCalls(sections: readonly string[], durationMs: number): Promise<CallRates> {
  using _statistics = new RunStatistics();
  const counters: CallCounter[] = [];
  const failures = new Map<string, string>();
  try {
    for (const section of new Set(sections)) {
      try {
        counters.push(new CallCounter(section));
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        failures.set(section, error.message);
      }
    }
    const started = performance.now();
    const before = counters.map((counter) => counter.calls());
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    const seconds = (performance.now() - started) / 1000;
    const rates = counters.map((counter, index): [string, number] => [
      counter.section,
      (counter.calls() - before[index]!) / seconds,
    ]);
    return { rates: new Map(rates), failures };
  } finally {
    for (const counter of counters) counter.close();
  }
}

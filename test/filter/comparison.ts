import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import { isSameOutcome, ReferenceFilter } from './expected-outcome.ts';
import type { FilterHost, Tamper } from './filter-host.ts';
import { InputMemory } from './input-memory.ts';
import type { LoadedFilter, Outcome } from './loaded-filter.ts';
import type { TestParameter } from './parameters.ts';
import type { TestInput } from './random-inputs.ts';
import type { PlanSketch } from './sketch.ts';
import { planSketch } from './test-plan.ts';
import type { TestProcess } from './test-process.ts';

/** The policies of one hook and what they are run on. */
export interface Trial {
  readonly parameters: readonly TestParameter[];
  readonly sketch: PlanSketch;
  readonly process: TestProcess;
  /** Whether values are handed over as if they had been read (`InputMemory.write`) or read by the real readers. */
  readonly given: boolean;
  /** Instructions beyond which the program is divided into functions. */
  readonly longestPart?: number;
}

/** A compiled filter that was changed on purpose; what is expected of it is not. */
export interface Broken {
  /** Instead of the plan of the policies. */
  readonly plan?: HookPlan;
  readonly tamper?: Tamper;
}

const memory = new InputMemory();

/** One set of policies as a compiled filter and as the reference evaluator understands it. */
export class Comparison {
  readonly plan: HookPlan;
  readonly #host: FilterHost;
  readonly #trial: Trial;
  readonly #filter: LoadedFilter;
  readonly #reference: ReferenceFilter;
  #binary: Uint8Array | undefined;

  /** Throws when a stage or the kernel refuses the policies. */
  constructor(host: FilterHost, trial: Trial, breakIt?: (plan: HookPlan) => Broken) {
    this.plan = planSketch(trial.sketch, host.facts);
    this.#host = host;
    this.#trial = trial;
    this.#reference = new ReferenceFilter(this.plan, trial.process, trial.sketch.hostNamespaces);
    const broken = breakIt?.(this.plan);
    this.#filter = host.load(broken?.plan ?? this.plan, {
      given: trial.given,
      ...(trial.longestPart !== undefined && { longestPart: trial.longestPart }),
      ...(broken?.tamper && { tamper: broken.tamper }),
    });
  }

  /** Runs both. */
  run(input: TestInput): { readonly expected: Outcome; readonly got: Outcome; readonly agree: boolean } {
    if (this.#binary !== input.binary) {
      this.#host.setBinary(this.#trial.process.pid, input.binary);
      this.#binary = input.binary;
    }
    if (this.#trial.given) memory.write(this.#trial.parameters, input.values);
    else memory.writeReal(input.values);
    const got = this.#filter.run(memory.context);
    const expected = this.#reference.run(input);
    return { expected, got, agree: isSameOutcome(expected, got) };
  }

  close(): void {
    this.#filter.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

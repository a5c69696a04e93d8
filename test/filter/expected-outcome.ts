import type { HookPlan, PlanSpec } from '../../src/compiler/hook-plan.ts';
import { type HookInput, type InputValue, matchingSelector } from '../../src/policy/reference-evaluator.ts';
import type { Outcome } from './loaded-filter.ts';
import type { TestInput } from './random-inputs.ts';
import type { TestProcess } from './test-process.ts';

/** One hook specification as the reference evaluator sees it, with where its selectors are in the plan. */
interface Expectation {
  readonly spec: PlanSpec;
  /** Parameter behind each argument. */
  readonly parameters: readonly number[];
  /** By selector. */
  readonly consequences: readonly { readonly post: boolean; readonly errors: readonly number[] }[];
}

/** What the policies of a plan mean, worked out from the policies alone: of the plan only the numbers of the match bits. */
export class ReferenceFilter {
  readonly #expectations: readonly Expectation[];
  /** In the order in which the policies name them. */
  readonly #errors: readonly number[];
  readonly #process: TestProcess;
  readonly #hostNamespaces: Readonly<Record<string, number>>;

  constructor(plan: HookPlan, process: TestProcess, hostNamespaces: Readonly<Record<string, number>>) {
    this.#expectations = plan.specs.map(expectationOf);
    this.#errors = [
      ...new Set(this.#expectations.flatMap(({ consequences }) => consequences.flatMap(({ errors }) => errors))),
    ];
    this.#process = process;
    this.#hostNamespaces = hostNamespaces;
  }

  run({ values, binary }: TestInput): Outcome {
    const process = { ...this.#process, binary };
    const matches: number[] = [];
    const errors = new Set<number>();
    let posted = false;
    for (const { spec, parameters, consequences } of this.#expectations) {
      const args = parameters.map((parameter): InputValue => values[parameter]!);
      const input: HookInput = { args, process, hostNamespaces: this.#hostNamespaces };
      const index = matchingSelector(spec.resolved.hook, input);
      if (index < 0) continue;
      matches.push(spec.selectors[index]!.bit);
      posted ||= consequences[index]!.post;
      for (const error of consequences[index]!.errors) errors.add(error);
    }
    const returnValue = this.#errors.find((error) => errors.has(error)) ?? 0;
    return { matches: posted ? matches.sort((left, right) => left - right) : undefined, returnValue };
  }
}

function expectationOf(spec: PlanSpec): Expectation {
  const { hook, policy } = spec.resolved;
  const selectors = hook.selectors.map(({ actions }) => ({
    post: !actions.some(({ kind }) => kind === 'NoPost'),
    errors:
      policy.mode === 'monitor' ? [] : actions.flatMap((action) => (action.kind === 'Override' ? [action.error] : [])),
  }));
  return {
    spec,
    parameters: hook.args.map(({ index }) => index),
    consequences: selectors.length > 0 ? selectors : [{ post: true, errors: [] }],
  };
}

export function isSameOutcome(left: Outcome, right: Outcome): boolean {
  if (left.returnValue !== right.returnValue || left.matches?.length !== right.matches?.length) return false;
  return left.matches?.every((bit, index) => bit === right.matches![index]) ?? true;
}

import type { InputValue } from '../../src/policy/reference-evaluator.ts';
import { Comparison, type Trial } from './comparison.ts';
import type { FilterHost } from './filter-host.ts';
import type { Outcome } from './loaded-filter.ts';
import type { TestInput } from './random-inputs.ts';
import { type HookSketch, type PlanSketch, type PolicySketch, printSketch, type SelectorSketch } from './sketch.ts';

/** A call on which compiled filter and reference evaluator do not agree, or a plan that was refused. */
export interface Mismatch {
  readonly seed: number;
  readonly trial: Trial;
  /** Undefined when the plan could not be loaded. */
  readonly input: TestInput | undefined;
  readonly problem: string;
}

/** Attempts to make a failing case smaller; each compiles and loads a plan. */
const mostAttempts = 400;

/** The same failure with as few policies, selectors, filters and values as can be found. */
export function shrinkMismatch(host: FilterHost, mismatch: Mismatch): Mismatch {
  let smallest = mismatch;
  let attempts = 0;
  for (let progress = true; progress; ) {
    progress = false;
    for (const sketch of smallerSketches(smallest.trial.sketch)) {
      if (++attempts > mostAttempts) return smallest;
      const trial = { ...smallest.trial, sketch };
      const problem = problemOf(host, trial, smallest.input);
      if (problem === undefined) continue;
      smallest = { ...smallest, trial, problem };
      progress = true;
      break;
    }
  }
  return smallest;
}

/** What is wrong with the trial on this input, or with its plan; undefined when nothing is. */
export function problemOf(host: FilterHost, trial: Trial, input: TestInput | undefined): string | undefined {
  try {
    using comparison = new Comparison(host, trial);
    if (input === undefined) return undefined;
    const { expected, got, agree } = comparison.run(input);
    return agree ? undefined : describeDisagreement(expected, got);
  } catch (error) {
    /* A smaller plan that is refused is not the failure that is looked for. */
    return input === undefined ? String(error) : undefined;
  }
}

function* smallerSketches(sketch: PlanSketch): Generator<PlanSketch> {
  for (const policies of withHalves(sketch.policies)) if (policies.length > 0) yield { ...sketch, policies };
  for (const policies of withSmaller(sketch.policies, smallerPolicies)) yield { ...sketch, policies };
}

function* smallerPolicies(policy: PolicySketch): Generator<PolicySketch> {
  for (const hooks of withoutEach(policy.hooks)) if (hooks.length > 0) yield { ...policy, hooks };
  for (const hooks of withSmaller(policy.hooks, smallerHooks)) yield { ...policy, hooks };
}

function* smallerHooks(hook: HookSketch): Generator<HookSketch> {
  for (const selectors of withoutEach(hook.selectors)) if (selectors.length > 0) yield { ...hook, selectors };
  for (const selectors of withSmaller(hook.selectors, smallerSelectors)) yield { ...hook, selectors };
  const compared = new Set(hook.selectors.flatMap(({ filters }) => filters.map(({ fields }) => fields.index)));
  const args = hook.args.filter(({ index }) => compared.has(index));
  if (args.length < hook.args.length) yield { ...hook, args };
}

function* smallerSelectors(selector: SelectorSketch): Generator<SelectorSketch> {
  for (const filters of withoutEach(selector.filters)) yield { ...selector, filters };
  if (selector.override !== undefined) yield { ...selector, override: undefined };
  for (const filters of withSmaller(selector.filters, function* (filter) {
    for (const values of withHalves(filter.fields.values)) {
      if (values.length > 0) yield { ...filter, fields: { ...filter.fields, values } };
    }
  })) {
    yield { ...selector, filters };
  }
}

function* withHalves<Item>(items: readonly Item[]): Generator<Item[]> {
  if (items.length > 3) {
    yield items.slice(0, items.length >> 1);
    yield items.slice(items.length >> 1);
  }
  yield* withoutEach(items);
}

function* withoutEach<Item>(items: readonly Item[]): Generator<Item[]> {
  for (const index of items.keys()) yield items.toSpliced(index, 1);
}

function* withSmaller<Item>(items: readonly Item[], smaller: (item: Item) => Iterable<Item>): Generator<Item[]> {
  for (const [index, item] of items.entries()) {
    for (const replacement of smaller(item)) yield items.with(index, replacement);
  }
}

/** All that is needed to see the failure again. */
export function printMismatch({ seed, trial, input, problem }: Mismatch): string {
  const values = input?.values
    .slice(0, trial.parameters.length)
    .map(
      (value, index) =>
        `  ${index}: ${trial.parameters[index]!.types.length === 1 ? trial.parameters[index]!.types[0] : 'integer'} ${printValue(value)}`,
    );
  const lines = [
    `seed ${seed}: ${problem}`,
    printSketch(trial.sketch),
    `process: ${printJson(trial.process)}`,
    `read by: ${trial.given ? 'read_given' : 'the real readers'}`,
    `longest part: ${trial.longestPart ?? 'any'}`,
    `host namespaces: ${printJson(trial.sketch.hostNamespaces)}`,
  ];
  if (input !== undefined) lines.push(`binary: ${printBytes(input.binary)}`, 'parameters:', ...values!);
  return lines.join('\n');
}

export function describeDisagreement(expected: Outcome, got: Outcome): string {
  return `expected ${printOutcome(expected)}, got ${printOutcome(got)}`;
}

function printOutcome({ matches, returnValue }: Outcome): string {
  return `${matches === undefined ? 'no record' : `matches [${matches.join(', ')}]`} and return value ${returnValue}`;
}

function printValue(value: InputValue): string {
  switch (value.kind) {
    case 'integer':
      return `0x${BigInt.asUintN(64, value.value).toString(16)}`;
    case 'string':
      return printBytes(value.value);
    case 'path':
      return `${printBytes(value.value)} mode 0${value.mode.toString(8)}`;
    case 'socket':
    case 'unreadable':
      return printJson(value);
    default:
      return value satisfies never;
  }
}

function printBytes(bytes: Uint8Array): string {
  return `${JSON.stringify(Buffer.from(bytes).toString('latin1'))} (${bytes.length} bytes)`;
}

function printJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return `0x${item.toString(16)}`;
    return item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item;
  });
}

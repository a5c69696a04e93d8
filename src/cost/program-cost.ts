import type { CompiledHook, CompiledProgram } from '../compiler/compile.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import type { ObjectFunction } from '../ebpf/object-functions.ts';
import { type Assumptions, leastAssumed, mostAssumed, typicallyAssumed } from './assumptions.ts';
import type { Choices } from './choices.ts';
import { dispatchCost } from './dispatch-cost.ts';
import { type Code, type Codebase, Machine, type RuntimeMemo } from './machine.ts';
import { attachCost } from './machine-costs.ts';
import { seededRandom } from './seeded-random.ts';

/** Machine instructions. */
export interface CostRange {
  readonly least: number;
  readonly typical: number;
  readonly most: number;
}

/** How a call can end. */
export const outcomes = ['refused-early', 'refused-late', 'matched'] as const;
export type Outcome = (typeof outcomes)[number];

/**
 * What one call of a hook costs, by how it ends: refused by the guard, refused after a frame was claimed and values were
 * read, matched. An outcome that the program does not have is absent. What the way into the program costs is not in it.
 */
export type OutcomeCosts = { readonly [Name in Outcome]?: CostRange };

export interface HookCost {
  /** Instructions to get into the program of this hook and back. */
  readonly attach: number;
  readonly outcomes: OutcomeCosts;
  /** Of the program that sees the return of every call; undefined when none is attached. */
  readonly returns: ReturnCost | undefined;
}

export interface ReturnCost {
  readonly attach: number;
  /** A call that did not match. */
  readonly notAwaited: number;
  readonly awaited: number;
}

/** Simulated runs for each likelihood and each assumption. */
const runs = 32;
/** How likely two things that are compared are equal: runs of all outcomes are found by trying several. */
const likelihoods = [1 / 64, 1 / 4, 1 / 2, 7 / 8, 63 / 64] as const;
/** An outcome is typical at the first likelihood that gives so many runs of it. */
const enoughRuns = 6;

/** Simulates the programs of a compiled hook. `runtime` is of the object that the program will be linked with. Pure. */
export function hookCost(
  hook: CompiledHook,
  runtime: ReadonlyMap<string, ObjectFunction>,
  facts: KernelFacts,
): HookCost {
  const { attach } = hook.plan;
  return {
    attach: attachCost(attach.mechanism, facts.version) + dispatchCost(),
    outcomes: programCost(hook.entry, runtime, facts),
    returns: hook.returns && attach.returns && returnCost(hook.returns, attach.returns.mechanism, runtime, facts),
  };
}

interface Sample {
  readonly outcome: Outcome;
  readonly cost: number;
  readonly likelihood: number;
}

function programCost(
  program: CompiledProgram,
  runtime: ReadonlyMap<string, ObjectFunction>,
  facts: KernelFacts,
): OutcomeCosts {
  const code = codebaseOf(program, runtime, facts);
  const [entry] = program.functions;
  const typical = sampleRuns(entry!, code, typicallyAssumed);
  const extremes = [leastAssumed, mostAssumed].flatMap((assumed) => sampleRuns(entry!, code, assumed));
  const costs: { [Name in Outcome]?: CostRange } = {};
  for (const outcome of outcomes) {
    const own = (samples: readonly Sample[]) => samples.filter((sample) => sample.outcome === outcome);
    const all = [...own(typical), ...own(extremes)].map(({ cost }) => cost);
    if (all.length === 0) continue;
    const mean = meanCost(typicalOf(own(typical).length > 0 ? own(typical) : own(extremes)));
    costs[outcome] = { least: Math.min(...all), typical: Math.round(mean), most: Math.max(...all) };
  }
  return costs;
}

/** The runs with the least that had to be equal. */
function typicalOf(samples: readonly Sample[]): readonly Sample[] {
  for (const likelihood of likelihoods) {
    const some = samples.filter((sample) => sample.likelihood === likelihood);
    if (some.length >= enoughRuns) return some;
  }
  return samples;
}

function meanCost(samples: readonly Sample[]): number {
  return samples.reduce((sum, { cost }) => sum + cost, 0) / samples.length;
}

function sampleRuns(entry: BuiltFunction, code: Codebase, assumed: Assumptions): Sample[] {
  const random = seededRandom(1);
  const memo = memoOf(code, assumed);
  return likelihoods.flatMap((likelihood) => {
    const choices: Choices = { equal: () => random() < likelihood, above: () => random() < 0.5 };
    return Array.from({ length: runs }, () => ({ ...runOnce(entry, code, assumed, choices, memo), likelihood }));
  });
}

const memos = new WeakMap<Codebase['runtime'], Map<string, RuntimeMemo>>();

/** What functions of the runtime cost is the same for all programs that call them. */
function memoOf({ runtime, trustedArguments }: Codebase, assumed: Assumptions): RuntimeMemo {
  const ofRuntime = memos.get(runtime) ?? new Map<string, RuntimeMemo>();
  memos.set(runtime, ofRuntime);
  const key = JSON.stringify([trustedArguments, assumed]);
  const memo = ofRuntime.get(key) ?? new Map();
  ofRuntime.set(key, memo);
  return memo;
}

function runOnce(
  entry: BuiltFunction,
  code: Codebase,
  assumed: Assumptions,
  choices: Choices,
  memo: RuntimeMemo,
): { outcome: Outcome; cost: number } {
  const machine = new Machine(code, assumed, choices, memo);
  machine.run(entry);
  const claimed = [...machine.called].some((name) => name.startsWith('claim_frame'));
  return { outcome: machine.matched ? 'matched' : claimed ? 'refused-late' : 'refused-early', cost: machine.cost };
}

function returnCost(
  program: CompiledProgram,
  mechanism: 'fexit' | 'kretprobe' | 'tracepoint',
  runtime: ReadonlyMap<string, ObjectFunction>,
  facts: KernelFacts,
): ReturnCost {
  const code = codebaseOf(program, runtime, facts);
  const costWhen = (returnAwaited: boolean) => {
    const choices: Choices = { equal: () => false, above: () => false };
    const machine = new Machine(code, { ...typicallyAssumed, returnAwaited }, choices, new Map());
    machine.run(program.functions[0]!);
    return machine.cost;
  };
  return {
    attach: attachCost(mechanism === 'tracepoint' ? 'syscall_exit' : mechanism, facts.version) + dispatchCost(),
    notAwaited: costWhen(false),
    awaited: costWhen(true),
  };
}

function codebaseOf(
  program: CompiledProgram,
  runtime: ReadonlyMap<string, ObjectFunction>,
  facts: KernelFacts,
): Codebase {
  const generated = new Map<string, Code>(program.functions.map((code) => [code.name, code]));
  return { generated, runtime, trustedArguments: facts.features.pointerCast.available };
}

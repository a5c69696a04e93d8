import type { CompiledHook } from '../compiler/compile.ts';
import { type CompileOptions, compileGroup } from '../compiler/compile-group.ts';
import { compilePolicies } from '../compiler/explain-programs.ts';
import type { ResolvedHook } from '../compiler/hook-plan.ts';
import type { ObjectFunction } from '../ebpf/object-functions.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { type HookCost, hookCost } from './program-cost.ts';

export interface CostOptions extends CompileOptions {
  /** Functions of the runtime object that programs are linked with on this kernel. */
  readonly functions: ReadonlyMap<string, ObjectFunction>;
}

/** One hook as all given policies together make it. */
export interface CostOfHook {
  readonly hook: CompiledHook;
  /** What events call it. */
  readonly name: string;
  /** eBPF instructions of its programs, without the functions of the runtime. */
  readonly size: number;
  readonly cost: HookCost;
}

/** A policy at one of its hooks. */
export interface CostOfPolicy {
  readonly policy: Policy;
  readonly hook: CostOfHook;
  /** The hook with this policy only. */
  readonly alone: HookCost;
  /** Instructions that a typical call costs more because this policy is there too. */
  readonly adds: number;
  /** `adds` is the mean of all policies there but the first: there are too many to leave out each in turn. */
  readonly addsIsMean: boolean;
}

export interface PolicyCosts {
  readonly hooks: readonly CostOfHook[];
  readonly policies: readonly CostOfPolicy[];
  /** What this kernel does not load. */
  readonly refused: readonly Diagnostic[];
}

/** More policies than this on one hook are not left out one by one. */
const mostLeftOut = 12;

/** What policies cost on a kernel, each alone and all together, from the programs they compile to. Pure. */
export function policyCosts(policies: readonly Policy[], options: CostOptions): PolicyCosts {
  const { hooks: compiled, refused } = compilePolicies(policies, options);
  const hooks = compiled.map((hook) => costOfHook(hook, options));
  return {
    hooks,
    policies: hooks.flatMap((hook) => costsByPolicy(hook, options)),
    refused: refused.flatMap(({ diagnostics }) => diagnostics),
  };
}

function costOfHook(hook: CompiledHook, { functions, facts }: CostOptions): CostOfHook {
  const programs = [hook.entry, ...(hook.returns === undefined ? [] : [hook.returns])];
  const parts = programs.flatMap((program) => program.functions);
  return {
    hook,
    name: hook.plan.specs[0]!.resolved.functionName || hook.plan.attach.target,
    size: parts.reduce((sum, { instructions }) => sum + instructions.length, 0),
    cost: hookCost(hook, functions, facts),
  };
}

function costsByPolicy(hook: CostOfHook, options: CostOptions): CostOfPolicy[] {
  const all = hook.hook.plan.specs.map(({ resolved }) => resolved);
  const policies = [...new Set(all.map(({ policy }) => policy))];
  if (policies.length === 1) {
    return [{ policy: policies[0]!, hook, alone: hook.cost, adds: callCost(hook.cost), addsIsMean: false }];
  }
  const costOf = (members: readonly ResolvedHook[]) => costOfMembers(members, options) ?? hook.cost;
  const addsIsMean = policies.length > mostLeftOut;
  const alone = policies.map((policy) => costOf(all.filter((member) => member.policy === policy)));
  const meanAdded = (callCost(hook.cost) - callCost(alone[0]!)) / (policies.length - 1);
  return policies.map((policy, index) => {
    const others = () => costOf(all.filter((member) => member.policy !== policy));
    const adds = addsIsMean ? meanAdded : callCost(hook.cost) - callCost(others());
    return { policy, hook, alone: alone[index]!, adds: Math.round(adds), addsIsMean };
  });
}

/** Undefined when these members do not compile without the others. */
function costOfMembers(members: readonly ResolvedHook[], options: CostOptions): HookCost | undefined {
  const compiled = compileGroup(members, { planId: 1, hookId: 1 }, options);
  return 'policy' in compiled ? undefined : hookCost(compiled, options.functions, options.facts);
}

/** Instructions of a call of the most frequent kind: refused as early as the hook can, the way there and back included. */
export function callCost({ attach, outcomes, returns }: HookCost): number {
  const outcome = outcomes['refused-early'] ?? outcomes['refused-late'] ?? outcomes.matched;
  const ofReturn = returns === undefined ? 0 : returns.attach + returns.notAwaited;
  return attach + (outcome?.typical ?? 0) + ofReturn;
}

/** The same when a selector matches and the event is sent. */
export function matchCost({ attach, outcomes, returns }: HookCost): number {
  const ofReturn = returns === undefined ? 0 : returns.attach + returns.awaited;
  return attach + (outcomes.matched?.typical ?? 0) + ofReturn;
}

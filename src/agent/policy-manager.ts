import { type CompileOptions, compileGroup, type GroupFailure, groupHooks } from '../compiler/compile-group.ts';
import type { HookPlan, ResolvedHook } from '../compiler/hook-plan.ts';
import { type AbsentHooks, type Resolution, resolvePolicy } from '../compiler/resolve.ts';
import type { MatchCounts } from '../events/hooks/match-counts.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { summariseVerifierLog } from '../kernel/verifier-log.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy, Position } from '../policy/model.ts';
import { inSpan } from '../tracing/spans.ts';
import type { HookTable, LiveHook } from './hook-table.ts';
import type { LoaderSensor } from './loader-sensor.ts';

export interface PolicyManagerOptions extends CompileOptions {
  readonly table: HookTable;
  readonly loader: LoaderSensor;
  /** Told of a plan before its program runs, and after it has stopped. */
  readonly plans: { addPlan(plan: HookPlan): void; retirePlan(planId: number): void };
  /** What earlier agents used: plan ids up to this one, and an id for each of these attach points. */
  readonly used?: { readonly planId: number; readonly hookIds: ReadonlyMap<string, number> };
  readonly matches: MatchCounts;
}

export interface PolicyRefusal {
  readonly policy: Policy;
  readonly diagnostics: readonly Diagnostic[];
  /** Hooks of it that this kernel cannot serve. */
  readonly absent: AbsentHooks;
}

export interface ApplyResult {
  /** Policies of which at least one hook or the loader sensor is live, or that have none. */
  readonly loaded: readonly Policy[];
  /** By policy, the hooks that are not loaded, because this kernel lacks what they need. */
  readonly refused: readonly PolicyRefusal[];
  /** Hooks of all these policies that are not loaded, those included that may be absent (`ignore.callNotFound`). */
  readonly absent: AbsentHooks;
  /** Warnings: what runs, but weaker than asked. */
  readonly degraded: readonly Diagnostic[];
  /** Programs that intercept calls. */
  readonly hookCount: number;
}

/** Keeps the kernel running what the present set of policies says: every change is one switch of generations. */
export class PolicyManager {
  readonly #options: PolicyManagerOptions;
  /** A policy object never changes: what is known of it stays valid. */
  readonly #resolved = new WeakMap<Policy, Resolution>();
  readonly #hookIds: Map<string, number>;
  #nextPlanId: number;
  #nextHookId: number;
  #result: ApplyResult = { loaded: [], refused: [], absent: new Map(), degraded: [], hookCount: 0 };
  /** What each live hook was made of. */
  #groups = new Map<string, ResolvedHook[]>();

  constructor(options: PolicyManagerOptions) {
    this.#options = options;
    this.#hookIds = new Map(options.used?.hookIds);
    this.#nextPlanId = (options.used?.planId ?? 0) + 1;
    this.#nextHookId = Math.max(0, ...this.#hookIds.values()) + 1;
  }

  get result(): ApplyResult {
    return this.#result;
  }

  /**
   * Makes `policies` the active set. Policies that are the same objects as before keep their programs unless another
   * policy joins or leaves the same hook. Hooks that the kernel cannot serve are reported; the rest is loaded.
   */
  apply(policies: readonly Policy[]): ApplyResult {
    const refused = new Map<Policy, readonly Diagnostic[]>();
    const standBack = new Set<Policy>();
    inSpan('policies.resolve', () => {
      for (const policy of policies) {
        const errors = this.#resolve(policy).diagnostics.filter(isError);
        if (errors.length > 0) refused.set(policy, errors);
      }
    });
    for (;;) {
      const candidates = policies.filter((policy) => !standBack.has(policy));
      const failure = this.#tryApply(candidates);
      if (failure === undefined) {
        this.#result = this.#describe(policies, candidates, refused);
        return this.#result;
      }
      standBack.add(failure.policy);
      refused.set(failure.policy, failure.diagnostics);
    }
  }

  /**
   * The same with one policy that must be loaded in full, or as far as this kernel can serve its hooks, else nothing
   * changes: returns why it cannot be then. `policies` contains it; those that cannot be loaded already are left out as
   * before.
   */
  applyWith(policies: readonly Policy[], required: Policy, extent: 'in full' | 'in part'): ApplyResult | PolicyRefusal {
    const { diagnostics, absent } = inSpan('policies.resolve', () => this.#resolve(required));
    const errors = diagnostics.filter(isError);
    const isEnough = errors.length === 0 || (extent === 'in part' && this.#hasPart(required));
    if (!isEnough) return { policy: required, diagnostics: errors, absent };
    const refused = new Map(this.#result.refused.map(({ policy, diagnostics }) => [policy, diagnostics]));
    const isCandidate = (policy: Policy) => policy === required || this.#isLive(policy) || !refused.has(policy);
    const candidates = policies.filter(isCandidate);
    const failure = this.#tryApply(candidates);
    if (failure !== undefined) return { policy: required, diagnostics: failure.diagnostics, absent };
    const stillRefused = new Map([...refused].filter(([policy]) => policies.includes(policy) && policy !== required));
    if (errors.length > 0) stillRefused.set(required, errors);
    this.#result = this.#describe(policies, candidates, stillRefused);
    return this.#result;
  }

  #isLive(policy: Policy): boolean {
    return this.#result.loaded.includes(policy);
  }

  /** Bytes of kernel memory for the programs of each policy: those of a hook are shared equally among its policies. */
  kernelMemory(): Map<Policy, number> {
    const bytes = new Map<Policy, number>();
    for (const [key, hooks] of this.#groups) {
      const live = this.#options.table.live.get(key);
      if (live === undefined) continue;
      const total = live.entry.memoryBytes() + (live.returns?.memoryBytes() ?? 0);
      const members = new Set(hooks.map(({ policy }) => policy));
      for (const policy of members) bytes.set(policy, (bytes.get(policy) ?? 0) + Math.ceil(total / members.size));
    }
    const loaders = this.#result.loaded.filter((policy) => this.#resolve(policy).loader);
    const share = Math.ceil(this.#options.loader.memoryBytes() / loaders.length);
    for (const policy of loaders) bytes.set(policy, (bytes.get(policy) ?? 0) + share);
    return bytes;
  }

  #describe(
    policies: readonly Policy[],
    candidates: readonly Policy[],
    refused: ReadonlyMap<Policy, readonly Diagnostic[]>,
  ): ApplyResult {
    const loaded = candidates.filter((policy) => this.#hasPart(policy) || !refused.has(policy));
    return {
      loaded,
      refused: [...refused].map(([policy, diagnostics]) => ({
        policy,
        diagnostics,
        absent: this.#resolve(policy).absent,
      })),
      absent: new Map(policies.flatMap((policy) => [...this.#resolve(policy).absent])),
      degraded: loaded.flatMap((policy) => this.#resolve(policy).diagnostics.filter((found) => !isError(found))),
      hookCount: this.#groups.size + (this.#options.loader.isOn ? 1 : 0),
    };
  }

  #hasPart(policy: Policy): boolean {
    const { hooks, loader } = this.#resolve(policy);
    return hooks.length > 0 || loader;
  }

  #resolve(policy: Policy): Resolution {
    const known = this.#resolved.get(policy) ?? resolvePolicy(policy, this.#options.facts);
    this.#resolved.set(policy, known);
    return known;
  }

  /** Switches to a generation of these policies, or names the one that stands in the way and leaves all as it was. */
  #tryApply(policies: readonly Policy[]): GroupFailure | undefined {
    const { table, plans } = this.#options;
    const groups = groupHooks(policies.flatMap((policy) => this.#resolve(policy).hooks));
    const next = new Map<string, LiveHook>();
    const fresh: LiveHook[] = [];
    for (const [key, hooks] of groups) {
      const live = table.live.get(key);
      if (live !== undefined && sameMembers(this.#groups.get(key), hooks)) {
        next.set(key, live);
        continue;
      }
      const loaded = this.#loadGroup(key, hooks);
      if ('policy' in loaded) {
        for (const hook of fresh) discard(hook);
        return loaded;
      }
      fresh.push(loaded);
      next.set(key, loaded);
    }
    const loaderFailure = this.#switchLoaderOn(policies);
    if (loaderFailure !== undefined) {
      for (const hook of fresh) discard(hook);
      return loaderFailure;
    }
    for (const hook of fresh) this.#announce(hook);
    const retired = [...table.live].filter(([key, hook]) => next.get(key) !== hook);
    inSpan('generation.switch', () => table.switchTo(next));
    for (const [, hook] of retired) plans.retirePlan(hook.plan.planId);
    if (!policies.some((policy) => this.#resolve(policy).loader)) this.#options.loader.switchOff();
    this.#groups = groups;
    return undefined;
  }

  /** Names the newest policy that wants the loader sensor when the kernel refuses it. */
  #switchLoaderOn(policies: readonly Policy[]): GroupFailure | undefined {
    const policy = policies.findLast((candidate) => this.#resolve(candidate).loader);
    if (policy?.loader === undefined) return undefined;
    try {
      this.#options.loader.switchOn();
      return undefined;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return { policy, diagnostics: [diagnosticOf(policy, policy.loader, error)] };
    }
  }

  /** Makes the records of a program understood and its matches counted; to be called before it runs. */
  #announce({ plan }: LiveHook): void {
    const { plans, matches } = this.#options;
    plans.addPlan(plan);
    for (const { resolved, selectors } of plan.specs) {
      for (const { bit } of selectors) matches.bind(plan.events.selectors[bit]!, resolved.hook);
    }
  }

  #loadGroup(key: string, hooks: readonly ResolvedHook[]): LiveHook | GroupFailure {
    const { table } = this.#options;
    const hookId = this.#hookIds.get(key) ?? this.#nextHookId++;
    this.#hookIds.set(key, hookId);
    const stage = <Result>(name: string, work: () => Result): Result => inSpan(`hook.${name}`, work, { hook: key });
    const compiled = compileGroup(hooks, { planId: this.#nextPlanId++, hookId }, { ...this.#options, stage });
    if ('policy' in compiled) return compiled;
    let loaded: LiveHook | undefined;
    try {
      const hook = stage('load', () => table.load(compiled));
      loaded = hook;
      stage('attach', () => table.attach(compiled.plan, compiled.returns !== undefined));
      return hook;
    } catch (error) {
      if (loaded !== undefined) discard(loaded);
      if (!(error instanceof KernelError)) throw error;
      return refusalOf(hooks, error);
    }
  }
}

function isError(diagnostic: Diagnostic): boolean {
  return diagnostic.severity === 'error';
}

function sameMembers(left: readonly ResolvedHook[] | undefined, right: readonly ResolvedHook[]): boolean {
  return left !== undefined && left.length === right.length && left.every((hook, index) => hook === right[index]);
}

function discard(hook: LiveHook): void {
  hook.entry.close();
  hook.returns?.close();
}

/** Which policy the refused instructions came from; the newest of the hook when the kernel does not say. */
function refusalOf(hooks: readonly ResolvedHook[], error: KernelError): GroupFailure {
  const line = error.verifierLog === undefined ? undefined : summariseVerifierLog(error.verifierLog).line;
  const isSource = ({ policy }: ResolvedHook) =>
    line !== undefined && fileNameOf(policy.file) === fileNameOf(line.file);
  const named = hooks.find(isSource);
  const { policy, hook } = named ?? hooks.at(-1)!;
  const position = named === undefined ? hook.position : { line: line!.line, column: 1 };
  return { policy, diagnostics: [diagnosticOf(policy, position, error)] };
}

function diagnosticOf({ file }: Policy, { line, column }: Position, error: KernelError): Diagnostic {
  return { file, line, column, severity: 'error', code: 'kernel-refused', message: error.message, hint: error.hint };
}

/** Kernels print only the base name of a source file. */
function fileNameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}

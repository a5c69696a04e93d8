import { type CompiledHook, compileHook } from '../compiler/compile.ts';
import type { ResolvedHook } from '../compiler/hook-plan.ts';
import type { KernelFacts } from '../compiler/kernel-facts.ts';
import { attachKey, planHook } from '../compiler/plan.ts';
import { resolvePolicy } from '../compiler/resolve.ts';
import type { BtfFile } from '../ebpf/btf-reader.ts';
import type { EventPlan } from '../events/event-plan.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { summariseVerifierLog } from '../kernel/verifier-log.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { HookTable, LiveHook } from './hook-table.ts';

export interface PolicyManagerOptions {
  readonly facts: KernelFacts;
  readonly table: HookTable;
  /** Type information of the runtime object. */
  readonly runtime: BtfFile;
  /** Told of a plan before its program runs, and after it has stopped. */
  readonly plans: { addPlan(plan: EventPlan): void; retirePlan(planId: number): void };
  readonly sourceText: (file: string, line: number) => string;
}

export interface PolicyRefusal {
  readonly policy: Policy;
  readonly diagnostics: readonly Diagnostic[];
}

export interface ApplyResult {
  readonly loaded: readonly Policy[];
  /** Policies of which nothing, or not all, is loaded: this kernel lacks what they need. */
  readonly refused: readonly PolicyRefusal[];
  /** Warnings: what runs, but weaker than asked. */
  readonly degraded: readonly Diagnostic[];
  /** Programs that intercept calls. */
  readonly hookCount: number;
}

/** The hooks of all policies at one attach point. */
type Groups = Map<string, ResolvedHook[]>;

interface Resolved {
  readonly hooks: readonly ResolvedHook[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Keeps the kernel running what the present set of policies says: every change is one switch of generations. */
export class PolicyManager {
  readonly #options: PolicyManagerOptions;
  /** A policy object never changes: what is known of it stays valid. */
  readonly #resolved = new WeakMap<Policy, Resolved>();
  readonly #hookIds = new Map<string, number>();
  #nextPlanId = 1;
  #result: ApplyResult = { loaded: [], refused: [], degraded: [], hookCount: 0 };
  /** What each live hook was made of. */
  #groups: Groups = new Map();

  constructor(options: PolicyManagerOptions) {
    this.#options = options;
  }

  get result(): ApplyResult {
    return this.#result;
  }

  /**
   * Makes `policies` the active set. Policies that are the same objects as before keep their programs unless another
   * policy joins or leaves the same hook. A policy that the kernel refuses is left out and reported; the rest is loaded.
   */
  apply(policies: readonly Policy[]): ApplyResult {
    const refused = new Map<Policy, Diagnostic[]>();
    for (const policy of policies) {
      const errors = this.#resolve(policy).diagnostics.filter(isError);
      if (errors.length > 0) refused.set(policy, errors);
    }
    for (;;) {
      const accepted = policies.filter((policy) => !refused.has(policy));
      const culprit = this.#tryApply(accepted);
      if (culprit === undefined) {
        this.#result = this.#describe(accepted, refused);
        return this.#result;
      }
      refused.set(culprit.policy, [...culprit.diagnostics]);
    }
  }

  #describe(loaded: readonly Policy[], refused: ReadonlyMap<Policy, readonly Diagnostic[]>): ApplyResult {
    return {
      loaded,
      refused: [...refused].map(([policy, diagnostics]) => ({ policy, diagnostics })),
      degraded: loaded.flatMap((policy) => this.#resolve(policy).diagnostics.filter((found) => !isError(found))),
      hookCount: this.#groups.size,
    };
  }

  #resolve(policy: Policy): Resolved {
    const known = this.#resolved.get(policy) ?? resolvePolicy(policy, this.#options.facts);
    this.#resolved.set(policy, known);
    return known;
  }

  /** Switches to a generation of these policies, or names the one that stands in the way and leaves all as it was. */
  #tryApply(policies: readonly Policy[]): PolicyRefusal | undefined {
    const { table, plans } = this.#options;
    const groups = this.#groupHooks(policies);
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
    for (const hook of fresh) plans.addPlan(hook.plan.events);
    const retired = [...table.live].filter(([key, hook]) => next.get(key) !== hook);
    table.switchTo(next);
    for (const [, hook] of retired) plans.retirePlan(hook.plan.planId);
    this.#groups = groups;
    return undefined;
  }

  #groupHooks(policies: readonly Policy[]): Groups {
    const groups: Groups = new Map();
    for (const policy of policies) {
      for (const hook of this.#resolve(policy).hooks) {
        const key = attachKey(hook.attach);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [hook]);
        else group.push(hook);
      }
    }
    return groups;
  }

  #loadGroup(key: string, hooks: readonly ResolvedHook[]): LiveHook | PolicyRefusal {
    const { facts, runtime, table, sourceText } = this.#options;
    const hookId = this.#hookIds.get(key) ?? this.#hookIds.size + 1;
    this.#hookIds.set(key, hookId);
    const attach = hooks[0]!.attach;
    const { plan, diagnostics } = planHook({
      attach,
      hooks,
      planId: this.#nextPlanId++,
      hookId,
      hostNamespaces: facts.hostNamespaces,
      sourceText,
    });
    if (plan === undefined) return { policy: hooks.at(-1)!.policy, diagnostics };
    let compiled: CompiledHook;
    try {
      compiled = compileHook(plan, facts, runtime);
    } catch (error) {
      return refusalOf(hooks, error);
    }
    let loaded: LiveHook | undefined;
    try {
      loaded = table.load(compiled);
      table.attach(plan, compiled.returns !== undefined);
      return loaded;
    } catch (error) {
      if (loaded !== undefined) discard(loaded);
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
function refusalOf(hooks: readonly ResolvedHook[], error: unknown): PolicyRefusal {
  if (!(error instanceof Error)) throw error;
  const log = error instanceof KernelError ? error.verifierLog : undefined;
  const candidates = hooks.map(({ policy }) => policy);
  const line = log === undefined ? undefined : summariseVerifierLog(log).line;
  const culprit =
    candidates.find((policy) => line !== undefined && fileNameOf(policy.file) === fileNameOf(line.file)) ??
    candidates.at(-1)!;
  const hook = hooks.find((candidate) => candidate.policy === culprit)!.hook;
  const position =
    line !== undefined && fileNameOf(culprit.file) === fileNameOf(line.file)
      ? { line: line.line, column: 1 }
      : hook.position;
  const hint = error instanceof KernelError ? error.hint : '';
  return {
    policy: culprit,
    diagnostics: [
      { file: culprit.file, ...position, severity: 'error', code: 'kernel-refused', message: error.message, hint },
    ],
  };
}

/** Kernels print only the base name of a source file. */
function fileNameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}

import type { SourceLine } from '../ebpf/instruction.ts';
import type {
  EventArgument,
  EventHook,
  EventPlan,
  EventSelector,
  EventStack,
  KprobeAction,
} from '../events/event-plan.ts';
import { limits } from '../events/wire.ts';
import type { ConcreteType } from '../policy/argument-types.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Action, Position, Selector } from '../policy/model.ts';
import { type Operand, operandOf } from '../policy/operand.ts';
import {
  type AttachPoint,
  type Consequence,
  type HookPlan,
  type PlanMatch,
  type PlanSelector,
  type PlanSpec,
  type PlanTest,
  type PlanValue,
  type ResolvedHook,
  type ValueSource,
  wantNothing,
  wantPost,
  wantReturn,
} from './hook-plan.ts';
import { orderTests } from './order-tests.ts';
import { knownOperand, type SourceText, sourceLineAt } from './plan-memory.ts';
import { readCost, sourceKey, usesSlot } from './plan-values.ts';

export interface PlanInput {
  readonly attach: AttachPoint;
  /** Hook specifications of all policies at this attach point. */
  readonly hooks: readonly ResolvedHook[];
  readonly planId: number;
  readonly hookId: number;
  readonly hostNamespaces: Readonly<Record<string, number>>;
  /** Text of a line of a policy file, for line records. */
  readonly sourceText: SourceText;
}

export interface PlanResult {
  readonly plan: HookPlan | undefined;
  /** Bounds of the kernel that the policies together exceed. */
  readonly diagnostics: readonly Diagnostic[];
}

export function attachKey(attach: AttachPoint): string {
  return `${attach.mechanism}:${attach.target}`;
}

/** Joins what all policies want at one attach point into one plan. Pure: the same input gives the same plan. */
export function planHook(input: PlanInput): PlanResult {
  const builder = new PlanBuilder(input);
  for (const resolved of input.hooks) builder.addSpec(resolved);
  return builder.finish();
}

class PlanBuilder {
  readonly #input: PlanInput;
  readonly #values = new Map<string, PlanValue>();
  readonly #errors: number[] = [];
  readonly #specs: PlanSpec[] = [];
  readonly #eventSelectors: EventSelector[] = [];
  readonly #diagnostics: Diagnostic[] = [];
  /** By value id. */
  readonly #costs: number[] = [];
  #slots = 0;
  #candidates = 0;

  constructor(input: PlanInput) {
    this.#input = input;
  }

  addSpec(resolved: ResolvedHook): void {
    const { hook } = resolved;
    const events = this.#eventHook(resolved);
    const selectors =
      hook.selectors.length === 0
        ? [this.#selectorWithoutFilters(resolved, events)]
        : hook.selectors.map((selector, index) => this.#selector(resolved, selector, index, events));
    const search = searchOf(selectors);
    const needsBlock = search === 'candidate' || search === 'tried';
    this.#specs.push({ resolved, selectors, search, candidate: needsBlock ? this.#candidates++ : -1 });
  }

  finish(): PlanResult {
    const { specs, atomCount } = orderTests(this.#specs, (test) => this.#costOf(test));
    this.#checkLimits(atomCount);
    if (this.#diagnostics.length > 0) return { plan: undefined, diagnostics: this.#diagnostics };
    const { planId, hookId, attach } = this.#input;
    const values = [...this.#values.values()];
    const events: EventPlan = {
      planId,
      values: values.map(({ type }) => ({ type: eventType(type) })),
      selectors: this.#eventSelectors,
    };
    const plan: HookPlan = {
      key: attachKey(attach),
      planId,
      hookId,
      attach,
      values: values.toSorted((left, right) => left.cost - right.cost || left.id - right.id),
      specs,
      selectorCount: this.#eventSelectors.length,
      candidateCount: this.#candidates,
      atomCount,
      errors: this.#errors,
      events,
    };
    return { plan, diagnostics: [] };
  }

  #checkLimits(atomCount: number): void {
    const bounds: [count: number, bound: number, what: string][] = [
      [this.#values.size, limits.VALUES, 'different values'],
      [this.#slots, limits.STRING_SLOTS, 'different strings, paths, sockets and credentials'],
      [this.#candidates, limits.CANDIDATE_WORDS * 64, 'hooks with several filters'],
      /* A record says in less than that many words which of them matched. */
      [this.#eventSelectors.length, (limits.MATCH_WORDS - 1) * 64, 'selectors'],
      [atomCount, limits.ATOM_WORDS * 64, 'sets of strings'],
    ];
    for (const [count, bound, what] of bounds) {
      if (count <= bound) continue;
      const last = this.#input.hooks.at(-1)!;
      const message = `All policies on ${attachKey(this.#input.attach)} together use ${count} ${what}; ${bound} fit`;
      this.#diagnostics.push({
        file: last.policy.file,
        ...last.hook.position,
        severity: 'error',
        code: 'hook-too-large',
        message,
        hint: 'Load fewer policies on this hook, or give them the same argument types.',
      });
    }
  }

  #value(source: ValueSource, type: ConcreteType): PlanValue {
    const key = `${sourceKey(source)}|${type}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const slot = usesSlot(source, type) ? this.#slots++ : -1;
    const value = { id: this.#values.size, source, type, slot, cost: readCost(source, type) };
    this.#values.set(key, value);
    this.#costs.push(value.cost);
    return value;
  }

  #source(resolved: ResolvedHook, position: Position): SourceLine {
    return sourceLineAt(resolved.policy.file, position, this.#input.sourceText);
  }

  #selectorWithoutFilters(resolved: ResolvedHook, events: EventHook): PlanSelector {
    const post: Action = { kind: 'Post', position: resolved.hook.position };
    return this.#planSelector(
      resolved,
      [],
      [post],
      { label: '', index: 0, position: resolved.hook.position },
      [],
      events,
    );
  }

  #selector(resolved: ResolvedHook, selector: Selector, index: number, events: EventHook): PlanSelector {
    const tests = [
      ...this.#processTests(resolved, selector),
      ...selector.matchArgs.map((filter) => {
        const argument = resolved.args[filter.argument]!;
        const type = argument.type === 'nop' ? 'uint64' : argument.type;
        const { component, operand } = knownOperand(type, filter);
        const value = this.#value(argument.source, type);
        return this.#test(value, component, operand, this.#source(resolved, filter.position));
      }),
    ];
    const returnFilters = selector.matchReturnArgs.map(
      (filter) => operandOf(resolved.returnType ?? 'sint64', filter).operand,
    );
    return this.#planSelector(
      resolved,
      tests,
      selector.actions,
      { label: selector.label, index, position: selector.position },
      returnFilters,
      events,
    );
  }

  #processTests(resolved: ResolvedHook, selector: Selector): PlanTest[] {
    const at = (position: Position) => this.#source(resolved, position);
    const ranges = (numbers: readonly number[], negate: boolean): Operand => ({
      kind: 'ranges',
      negate,
      ranges: [...new Set(numbers)]
        .sort((left, right) => left - right)
        .map((number) => ({ min: BigInt(number), max: BigInt(number) })),
    });
    const tests: PlanTest[] = [];
    for (const filter of selector.matchPIDs) {
      const value = this.#value({ kind: filter.namespacePid ? 'namespacePid' : 'pid' }, 'uint32');
      tests.push(this.#test(value, 'self', ranges(filter.values, filter.negate), at(filter.position)));
    }
    for (const filter of selector.matchNamespaces) {
      const value = this.#value({ kind: 'namespace', namespace: filter.namespace }, 'uint32');
      const inums = filter.values.map((inum) =>
        inum === 'host_ns' ? (this.#input.hostNamespaces[filter.namespace] ?? 0) : inum,
      );
      tests.push(this.#test(value, 'self', ranges(inums, filter.negate), at(filter.position)));
    }
    for (const filter of selector.matchCapabilities) {
      const value = this.#value({ kind: 'capabilities', set: filter.set }, 'uint64');
      tests.push({
        value: value.id,
        component: 'self',
        match: { kind: 'mask', mask: filter.mask },
        negate: filter.negate,
        source: at(filter.position),
        atom: -1,
      });
      if (filter.namespaceCapability) {
        const user = this.#value({ kind: 'namespace', namespace: 'user' }, 'uint32');
        tests.push(
          this.#test(user, 'self', ranges([this.#input.hostNamespaces['user'] ?? 0], true), at(filter.position)),
        );
      }
    }
    for (const filter of selector.matchBinaries) {
      const value = this.#value({ kind: 'binary' }, 'string');
      const operand: Operand = {
        kind: 'strings',
        match: filter.match,
        negate: filter.negate,
        values: filter.values.map((text) => new TextEncoder().encode(text)),
      };
      tests.push(this.#test(value, 'self', operand, at(filter.position)));
    }
    return tests;
  }

  #test(value: PlanValue, component: PlanTest['component'], operand: Operand, source: SourceLine): PlanTest {
    const negate = 'negate' in operand && operand.negate;
    const match: PlanMatch = operand;
    return {
      value: value.id,
      component,
      match,
      negate,
      source,
      atom: -1,
    };
  }

  #planSelector(
    resolved: ResolvedHook,
    tests: readonly PlanTest[],
    actions: readonly Action[],
    place: { readonly label: string; readonly index: number; readonly position: Position },
    returnFilters: readonly Operand[],
    hook: EventHook,
  ): PlanSelector {
    const post = !actions.some((action) => action.kind === 'NoPost');
    const stacks = post ? this.#stacks(actions) : [];
    const enforce = resolved.policy.mode === 'enforce';
    const asked = strongestAction(actions);
    const action = enforce ? asked : post ? 'KPROBE_ACTION_POST' : 'KPROBE_ACTION_NOPOST';
    this.#eventSelectors.push({
      hook,
      index: place.index,
      label: place.label,
      post,
      action,
      monitoredAction: asked === action ? undefined : asked,
      returnFilters,
      ...(stacks.length > 0 && { stacks }),
    });
    return {
      bit: this.#eventSelectors.length - 1,
      tests,
      index: this.#indexOf(tests),
      consequence: this.#consequence(enforce ? actions : [], post ? hook : undefined, stacks),
      source: this.#source(resolved, place.position),
    };
  }

  #costOf(test: PlanTest): number {
    return this.#costs[test.value]!;
  }

  /** The cheapest test that can propose the selector. */
  #indexOf(tests: readonly PlanTest[]): PlanTest | undefined {
    const positive = tests.filter((test) => !test.negate);
    return positive.toSorted((left, right) => this.#costOf(left) - this.#costOf(right))[0];
  }

  /** A kind that two actions ask for is read and reported once. */
  #stacks(actions: readonly Action[]): EventStack[] {
    const kinds = new Set(actions.flatMap((action) => (action.kind === 'Post' ? (action.stacks ?? []) : [])));
    return [...kinds].map((of) => ({ of, value: this.#value({ kind: 'stack', of }, 'char_buf').id }));
  }

  #consequence(actions: readonly Action[], hook: EventHook | undefined, stacks: readonly EventStack[]): Consequence {
    let want = wantNothing;
    let signals = 0n;
    let refusals = 0n;
    if (hook !== undefined) {
      want = wantPost;
      for (const argument of hook.args) want |= 1n << BigInt(argument.value);
      for (const { value } of stacks) want |= 1n << BigInt(value);
      if (hook.returnArg !== undefined) want |= wantReturn;
    }
    for (const action of actions) {
      if (action.kind === 'Sigkill') signals |= 1n << 8n;
      if (action.kind === 'Signal') signals |= 1n << BigInt(action.signal - 1);
      if (action.kind === 'Override') refusals |= 1n << BigInt(this.#errorBit(action.error));
    }
    return { want, signals, refusals };
  }

  #errorBit(error: number): number {
    const known = this.#errors.indexOf(error);
    if (known >= 0) return known;
    /* All errno values refuse alike: with more than 64 different ones the last stands for the rest. */
    if (this.#errors.length === 64) return 63;
    this.#errors.push(error);
    return this.#errors.length - 1;
  }

  #eventHook(resolved: ResolvedHook): EventHook {
    const { hook, policy } = resolved;
    const args: EventArgument[] = [];
    for (const [position, argument] of hook.args.entries()) {
      const { type, source } = resolved.args[position]!;
      if (type === 'nop') continue;
      const spelledType = argument.spelledType === 'auto' ? type : argument.spelledType;
      args.push({ value: this.#value(source, type).id, type: eventType(type), spelledType, label: argument.label });
    }
    const event =
      hook.kind === 'lsm'
        ? 'lsm'
        : hook.kind === 'tracepoint' || hook.kind === 'rawTracepoint'
          ? 'tracepoint'
          : 'kprobe';
    const { severity, mitreTechniques } = policy.annotations;
    const [subsystem = '', tracepoint = ''] = event === 'tracepoint' ? hook.target.split('/') : [];
    return {
      policyName: policy.name,
      policyNamespace: policy.namespace,
      event,
      functionName: resolved.functionName,
      subsystem,
      tracepoint,
      args,
      returnArg:
        hook.returnArg === undefined || resolved.attach.returns === undefined
          ? undefined
          : {
              value: -1,
              type: eventType(resolved.returnType ?? 'sint64'),
              spelledType:
                hook.returnArg.spelledType === 'auto' ? (resolved.returnType ?? 'sint64') : hook.returnArg.spelledType,
              label: hook.returnArg.label,
            },
      message: hook.message,
      tags: hook.tags,
      ...(severity === undefined ? {} : { severity }),
      ...(mitreTechniques.length === 0 ? {} : { mitreTechniques }),
    };
  }
}

function searchOf(selectors: readonly PlanSelector[]): PlanSpec['search'] {
  if (selectors[0]?.tests.length === 0) return 'always';
  if (selectors.some((selector) => selector.index === undefined)) return 'tried';
  return selectors.length === 1 && selectors[0]!.tests.length === 1 ? 'direct' : 'candidate';
}

function strongestAction(actions: readonly Action[]): KprobeAction {
  const names = {
    Post: 'KPROBE_ACTION_POST',
    NoPost: 'KPROBE_ACTION_NOPOST',
    Sigkill: 'KPROBE_ACTION_SIGKILL',
    Signal: 'KPROBE_ACTION_SIGNAL',
    Override: 'KPROBE_ACTION_OVERRIDE',
  } as const;
  const order = ['Post', 'NoPost', 'Signal', 'Sigkill', 'Override'] as const;
  let strongest: (typeof order)[number] = 'Post';
  for (const { kind } of actions) if (order.indexOf(kind) > order.indexOf(strongest)) strongest = kind;
  return names[strongest];
}

function eventType(type: ConcreteType): Exclude<ConcreteType, 'nop'> {
  if (type === 'nop') throw new Error('a placeholder has no event type');
  return type;
}

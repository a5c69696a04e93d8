import type { ConcreteType } from '../policy/argument-types.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { ArgFilter, Argument, HookSpec, Policy, Position } from '../policy/model.ts';
import { operandOf } from '../policy/operand.ts';
import { contradicts, inferType } from './argument-inference.ts';
import { parametersOfFields, planAttach } from './attach-planner.ts';
import type { AttachPoint, ResolvedArgument, ResolvedHook } from './hook-plan.ts';
import type { KernelFacts, TracepointFormat, TypeFact } from './kernel-facts.ts';

export interface Resolution {
  readonly hooks: readonly ResolvedHook[];
  /** Whether the policy wants the loader sensor, and the kernel has what it needs. */
  readonly loader: boolean;
  /** The hooks of the policy that are not among `hooks`. */
  readonly absent: AbsentHooks;
  readonly diagnostics: readonly Diagnostic[];
}

/** Hooks that this kernel cannot serve: `not-found` when it lacks what they name, `refused` for all other reasons. */
export type AbsentHooks = ReadonlyMap<HookSpec, 'not-found' | 'refused'>;

/**
 * Binds a policy to a kernel: attach mechanism, symbol and concrete argument types of each hook. A hook that this
 * kernel cannot serve is a diagnostic with the nearest alternative; the others are still resolved.
 */
export function resolvePolicy(policy: Policy, facts: KernelFacts): Resolution {
  const diagnostics: Diagnostic[] = [];
  const hooks: ResolvedHook[] = [];
  const absent = new Map<HookSpec, 'not-found' | 'refused'>();
  for (const hook of policy.hooks) {
    const resolved = resolveHook(policy, hook, facts, diagnostics);
    if (typeof resolved === 'string') absent.set(hook, resolved);
    else hooks.push(resolved);
  }
  return { hooks, absent, loader: resolveLoader(policy, facts, diagnostics), diagnostics };
}

function resolveLoader({ file, loader }: Policy, { features }: KernelFacts, diagnostics: Diagnostic[]): boolean {
  if (loader === undefined) return false;
  const missing = ([features.kprobe, features.buildId] as const).find(({ available }) => !available);
  if (missing === undefined) return true;
  const hint = 'Use "lsmhooks" with mmap_file to see files being mapped, without build ids.';
  diagnostics.push({ file, ...loader, severity: 'error', code: 'loader-unavailable', message: missing.reason, hint });
  return false;
}

function resolveHook(
  policy: Policy,
  hook: HookSpec,
  facts: KernelFacts,
  diagnostics: Diagnostic[],
): ResolvedHook | 'not-found' | 'refused' {
  const report = (severity: 'error' | 'warning', position: Position, code: string, message: string, hint: string) => {
    diagnostics.push({ file: policy.file, ...position, severity, code, message, hint });
  };
  const decision = planAttach(policy, hook, facts);
  if (decision.kind === 'refused') {
    const notFound = decision.code.startsWith('unknown-');
    const ignored = hook.ignoreCallNotFound && notFound;
    const message = ignored ? `${decision.reason}: ignored as the policy asks` : decision.reason;
    report(ignored ? 'warning' : 'error', hook.position, decision.code, message, decision.hint);
    return notFound ? 'not-found' : 'refused';
  }
  for (const note of decision.attach.degraded) report('warning', hook.position, 'degraded', note, '');
  const errorsBefore = diagnostics.length;
  const args = hook.args.map((argument) => resolveArgument(hook, argument, decision.attach, facts, report));
  const resolvedReturn = hook.returnArg && returnType(hook.returnArg, hook, facts);
  if (hook.returnArg !== undefined && decision.attach.returns === undefined) {
    const message = `The return value is not seen by ${decision.attach.mechanism} on this kernel`;
    report('error', hook.returnArg.position, 'return-unavailable', message, 'Leave out "return" and "returnArg".');
  }
  checkStacks(hook, decision.attach, report);
  checkInferredFilters(hook, args, resolvedReturn, report);
  const failed = diagnostics.slice(errorsBefore).some((diagnostic) => diagnostic.severity === 'error');
  if (failed) return 'refused';
  return {
    policy,
    hook,
    attach: decision.attach,
    args,
    returnType: resolvedReturn,
    functionName: decision.functionName,
  };
}

/** Programs of lsm hooks cannot ask for a stack, and some functions are hooked there. */
function checkStacks(hook: HookSpec, attach: AttachPoint, report: Report): void {
  if (attach.mechanism !== 'lsm') return;
  for (const action of hook.selectors.flatMap((selector) => selector.actions)) {
    if (action.kind !== 'Post' || action.stacks === undefined) continue;
    const message = `${attach.target} is hooked by lsm here, whose programs cannot see stacks`;
    report(
      'error',
      action.position,
      'stack-unavailable',
      message,
      'Leave the stacks out, or report them of another function.',
    );
  }
}

/** Filters on arguments whose type was left to the kernel: only now their values have a meaning. */
function checkInferredFilters(
  hook: HookSpec,
  args: readonly ResolvedArgument[],
  returned: ConcreteType | undefined,
  report: Report,
): void {
  const check = (filter: ArgFilter, written: Argument | undefined, type: ConcreteType | undefined) => {
    if (written?.type !== 'auto' || type === undefined || type === 'nop') return;
    for (const { severity, position, code, message, hint } of operandOf(type, filter).diagnostics) {
      report(severity, position, code, message, hint);
    }
  };
  for (const { matchArgs, matchReturnArgs } of hook.selectors) {
    for (const filter of matchArgs) check(filter, hook.args[filter.argument], args[filter.argument]?.type);
    for (const filter of matchReturnArgs) check(filter, hook.returnArg, returned);
  }
}

type Report = (severity: 'error' | 'warning', position: Position, code: string, message: string, hint: string) => void;

function resolveArgument(
  hook: HookSpec,
  argument: Argument,
  attach: AttachPoint,
  facts: KernelFacts,
  report: Report,
): ResolvedArgument {
  const format = hook.kind === 'tracepoint' ? facts.tracepoints[hook.target] : undefined;
  if (format !== undefined) {
    const resolved = resolveField(argument, format, report);
    if (attach.mechanism === 'tracepoint') return resolved;
    const index = parametersOfFields(hook, facts)![hook.args.indexOf(argument)]!;
    return { ...resolved, source: { kind: 'parameter', index } };
  }
  const parameters = parametersOf(attach, facts);
  const { index, sizeIndex } = argument;
  const source = { kind: 'parameter', index, ...(sizeIndex !== undefined && { sizeIndex }) } as const;
  if (sizeIndex !== undefined && sizeIndex >= parameters.length) {
    const message = `Argument ${sizeIndex} ("sizeArgIndex" less 1) does not exist: ${attach.target} has ${parameters.length} parameters`;
    report('error', argument.position, 'bad-index', message, describeParameters(parameters));
    return { type: 'nop', source };
  }
  if (argument.index >= parameters.length) {
    const message = `Argument ${argument.index} does not exist: ${attach.target} has ${parameters.length} parameter${parameters.length === 1 ? '' : 's'}`;
    report('error', argument.position, 'bad-index', message, describeParameters(parameters));
    return { type: 'nop', source };
  }
  const fact = parameters[argument.index];
  if (argument.type !== 'auto') {
    if (fact !== undefined && argument.type !== 'nop' && contradicts(argument.type, fact)) {
      const message = `Argument ${argument.index} of ${attach.target} is "${fact.type}", not "${argument.spelledType}"`;
      report('error', argument.position, 'type-mismatch', message, `Use "${inferType(fact)}" or "auto".`);
    }
    return { type: argument.type, source };
  }
  if (fact === undefined) {
    const message = `The type of argument ${argument.index} of ${hook.target} is not known for this kernel`;
    report('error', argument.position, 'unknown-type', message, 'Name the type instead of "auto".');
    return { type: 'nop', source };
  }
  return { type: inferType(fact), source };
}

function resolveField(argument: Argument, format: TracepointFormat, report: Report): ResolvedArgument {
  const field = format.fields[argument.index];
  if (field === undefined) {
    const message = `Field ${argument.index} does not exist: the event has ${format.fields.length} fields`;
    report('error', argument.position, 'bad-index', message, describeParameters(format.fields));
    return { type: 'nop', source: { kind: 'parameter', index: argument.index } };
  }
  const source = { kind: 'field', field } as const;
  const isText = field.shape === 'dataLocation' || field.shape === 'array';
  if (argument.type === 'auto') {
    if (!isText) return { type: inferType(field), source };
    if (field.type.startsWith('char')) return { type: 'string', source };
    const message = `Field ${argument.index} is an array of "${field.type}", which has no argument type`;
    report('error', argument.position, 'unknown-type', message, 'Leave it out.');
  } else if (isText && argument.type !== 'string' && argument.type !== 'nop') {
    const message = `Field ${argument.index} ("${field.name}") is text, not "${argument.spelledType}"`;
    report('error', argument.position, 'type-mismatch', message, 'Use "string".');
  } else if (!isText && argument.type !== 'nop' && contradicts(argument.type, field)) {
    const message = `Field ${argument.index} ("${field.name}") is "${field.type}", not "${argument.spelledType}"`;
    report('error', argument.position, 'type-mismatch', message, `Use "${inferType(field)}" or "auto".`);
  }
  return { type: argument.type === 'auto' ? 'nop' : argument.type, source };
}

/** Six for system calls whose prototype is unknown: entries are then undefined. */
function parametersOf(attach: AttachPoint, facts: KernelFacts): readonly (TypeFact & { name?: string })[] {
  if (attach.syscall) {
    const bare = attach.target.replace(/^.*sys_(enter_)?/, '');
    const format = facts.tracepoints[`syscalls/sys_enter_${bare}`];
    /* Common fields and the number come first. */
    if (format !== undefined) return format.fields.filter((field) => !field.name.startsWith('common_')).slice(1);
    return new Array(6).fill(undefined);
  }
  if (attach.mechanism === 'raw_tracepoint') return facts.rawTracepoints[attach.target]?.parameters ?? [];
  if (attach.mechanism === 'lsm') {
    const prototype = facts.functions[`bpf_lsm_${attach.target}`] ?? facts.functions[`security_${attach.target}`];
    return prototype?.parameters ?? [];
  }
  return facts.functions[attach.target]?.parameters ?? [];
}

function describeParameters(parameters: readonly (TypeFact & { name?: string })[]): string {
  if (parameters.length === 0) return '';
  const described = parameters.map((parameter, index) =>
    `${index} ${parameter?.type ?? 'unknown'} ${parameter?.name ?? ''}`.trim(),
  );
  return `There are: ${described.join(', ')}.`;
}

function returnType(argument: Argument, hook: HookSpec, facts: KernelFacts): ConcreteType {
  if (argument.type !== 'auto') return argument.type;
  if (hook.syscall) return 'sint64';
  const prototype = facts.functions[hook.target];
  return prototype === undefined ? 'sint64' : inferType(prototype.returns);
}

import { printInstructions } from '../ebpf/printer.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { CompiledHook, CompiledProgram } from './compile.ts';
import type { CompileOptions } from './compile-group.ts';
import { type CompiledPolicies, compilePolicies } from './explain-programs.ts';
import { countSelectors, explainSpec } from './explain-selectors.ts';
import { alignColumns, count, indent, joinWords } from './explain-text.ts';
import { explainTrees } from './explain-trees.ts';
import { explainValues, nameValues, type ValueNames } from './explain-values.ts';
import { hookCodeOf } from './generate.ts';
import { type GuardedValue, guardTests } from './guard-tests.ts';
import type { HookPlan, PlanValue } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';

export interface ExplainOptions extends Omit<CompileOptions, 'facts'> {
  /** Adds the instructions of every program, with the policy lines they come from. */
  readonly instructions: boolean;
}

/**
 * How a kernel would run these policies together, for people: what is attached where and why, which values are read and
 * when, the decision trees over them, selectors and actions, what is degraded or refused. Pure: the same input gives
 * the same text. Ends with a newline.
 */
export function explainPolicies(policies: readonly Policy[], facts: KernelFacts, options: ExplainOptions): string {
  const compiled = compilePolicies(policies, { ...options, facts });
  const { hooks } = compiled;
  const sections = [
    [`Kernel ${facts.release}, ${facts.machine}, preemption: ${facts.preemption}`],
    section('Policies', explainLoading(policies, compiled)),
    section(
      'Not loaded on this kernel',
      compiled.refused.flatMap(({ diagnostics }) => diagnostics.flatMap(explainDiagnostic)),
    ),
    section(
      'Left out, as the policy allows',
      compiled.warnings.filter(({ code }) => code !== 'degraded').flatMap(explainDiagnostic),
    ),
    section('Loader', explainLoader(compiled.loaders)),
    ...hooks.map((hook, index) =>
      section(`Hook ${index + 1} of ${hooks.length}: ${titleOf(hook)}`, explainHook(hook, facts)),
    ),
    ...(options.instructions ? hooks.flatMap(printPrograms) : []),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...indent(lines, 2)];
}

function explainLoading(policies: readonly Policy[], { loaded, loaders, hooks }: CompiledPolicies): string[] {
  const specs = hooks.flatMap(({ plan }) => plan.specs);
  const countHooks = (policy: Policy) => {
    const attached = specs.filter((spec) => spec.resolved.policy === policy).length;
    const all = count(policy.hooks.length, 'hook');
    const counted = attached === policy.hooks.length ? all : `${attached} of ${all}`;
    return loaders.includes(policy) ? `${counted}, loader` : counted;
  };
  const rows = policies.map((policy) => [
    policy.namespace === undefined ? policy.name : `${policy.namespace}/${policy.name}`,
    policy.mode,
    loaded.includes(policy) ? countHooks(policy) : 'not loaded',
    `${policy.file}:${policy.position.line}`,
  ]);
  return alignColumns(rows);
}

function explainLoader(policies: readonly Policy[]): string[] {
  if (policies.length === 0) return [];
  return [
    'kprobe perf_event_mmap_output: one event for each file that is mapped to be executed, with its build id',
    `wanted by ${joinWords(
      policies.map(({ name }) => name),
      'and',
    )}`,
  ];
}

function explainDiagnostic({ file, line, column, message, hint }: Diagnostic): string[] {
  const place = `${file}:${line}:${column}: ${message}`;
  return hint === '' ? [place] : [place, `  hint: ${hint}`];
}

function titleOf({ plan }: CompiledHook): string {
  return plan.specs[0]!.resolved.functionName || plan.attach.target;
}

function explainHook(hook: CompiledHook, facts: KernelFacts): string[] {
  const { plan } = hook;
  const names = nameValues(plan, facts);
  return [
    ...alignColumns([
      ['attached', hook.entry.section],
      ['why', plan.attach.reason],
      ['returns', explainReturns(hook)],
      ['program', `${explainSize(hook.entry)} for ${countSelectors(plan)}`],
      ['guard', explainGuard(plan, names, facts)],
    ]),
    '',
    'Values, in the order they are read (cost in instructions, estimated)',
    ...indent(explainValues(plan, names), 2),
    ...titled('Decision trees', explainTrees(plan, names, facts)),
    '',
    'Selectors: of each policy the first that matches acts',
    ...indent(
      plan.specs.flatMap((spec) => explainSpec(plan, spec, names, facts)),
      2,
    ),
  ];
}

/** What most calls are let through by, before anything is claimed or read in full. */
function explainGuard(plan: HookPlan, names: ValueNames, facts: KernelFacts): string {
  const values = guardTests(hookCodeOf(plan, facts));
  if (values === undefined) return 'none: every call is examined in full';
  const rule = (guarded: readonly GuardedValue[]) => {
    const pieces = guarded.map(({ value }) => pieceName(value, names.get(value.id) ?? ''));
    return `${joinWords(pieces, 'and')} ${pieces.length === 1 ? 'rules' : 'rule'} a match out`;
  };
  const first = values.filter((guarded) => guarded.alone.length + guarded.first.length > 0);
  const second = values.filter((guarded) => guarded.second.length > 0);
  const then = second.length === 0 ? '' : `, then when ${rule(second)}`;
  return `a call passes at once when ${rule(first)}${then}`;
}

function pieceName(value: PlanValue, name: string): string {
  if (value.source.kind === 'binary' || value.slot < 0) return name;
  return value.type === 'string' ? `the first bytes of ${name}` : `the last bytes of the name of ${name}`;
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...indent(lines, 2)];
}

function explainReturns({ plan, returns }: CompiledHook): string {
  if (returns !== undefined) return `seen by ${returns.section}, ${explainSize(returns)}`;
  const asked = plan.specs.some((spec) => spec.resolved.hook.returnArg !== undefined);
  return asked ? 'asked for, but not seen with this mechanism' : 'not asked for';
}

function explainSize({ functions }: CompiledProgram): string {
  const total = functions.reduce((sum, { instructions }) => sum + instructions.length, 0);
  return functions.length === 1
    ? count(total, 'instruction')
    : `${count(total, 'instruction')} in ${functions.length} functions`;
}

function printPrograms({ entry, returns }: CompiledHook): string[][] {
  return [entry, ...(returns === undefined ? [] : [returns])].map((program) => [
    `Instructions of ${program.section}`,
    ...program.functions.flatMap((fn) => ['', ...printInstructions(fn).trimEnd().split('\n')]),
  ]);
}

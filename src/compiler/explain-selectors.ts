import { constants } from 'node:os';
import type { Action, HookSpec } from '../policy/model.ts';
import { explainReturnFilter, explainTest } from './explain-tests.ts';
import { alignColumns, count, indent, joinWords, quote } from './explain-text.ts';
import type { ValueNames } from './explain-values.ts';
import type { HookPlan, PlanSelector, PlanSpec, PlanTest } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';

/** One hook specification of a policy: its selectors in order, their tests in the order they run, what a match does. */
export function explainSpec(plan: HookPlan, spec: PlanSpec, names: ValueNames, facts: KernelFacts): string[] {
  const { policy, hook } = spec.resolved;
  return [
    `${policy.name} (${policy.mode}, ${policy.file}:${hook.position.line}): ${explainSearch(spec, names)}`,
    ...indent(explainEvent(plan, spec, names), 2),
    ...indent(
      spec.selectors.flatMap((selector) => explainSelector(plan, spec, selector, names, facts)),
      2,
    ),
    ...indent(
      spec.resolved.attach.degraded.map((note) => `degraded: ${note}`),
      2,
    ),
  ];
}

function explainSearch(spec: PlanSpec, names: ValueNames): string {
  const nameOf = (test: PlanTest | undefined) => (test === undefined ? '' : names.get(test.value)!);
  const proposing = [...new Set(spec.selectors.map((selector) => nameOf(selector.index)))];
  switch (spec.search) {
    case 'always':
      return 'matches every call';
    case 'direct':
      return `decided by the tree over ${proposing[0]} alone`;
    case 'candidate':
      return `tried when a tree over ${joinWords(proposing, 'or')} proposes it`;
    case 'tried':
      return 'tried on every call, since no tree can propose all of its selectors';
    default:
      return spec.search satisfies never;
  }
}

function explainEvent(plan: HookPlan, spec: PlanSpec, names: ValueNames): string[] {
  const events = spec.selectors.map((selector) => plan.events.selectors[selector.bit]!);
  if (!events.some((event) => event.post)) return ['event: none'];
  const { event, args, returnArg, message, tags, severity, mitreTechniques = [] } = events[0]!.hook;
  const shown = args.map(({ value, label }) => withLabel(names.get(value)!, label));
  if (returnArg !== undefined) shown.push(withLabel(`return value as ${returnArg.type}`, returnArg.label));
  const parts = [
    shown.length === 0 ? `event: process_${event}` : `event: process_${event} with ${joinWords(shown, 'and')}`,
    message === '' ? '' : `message ${quote(message)}`,
    tags.length === 0 ? '' : `tags ${tags.map(quote).join(', ')}`,
    severity === undefined ? '' : `severity ${severity}`,
    mitreTechniques.length === 0 ? '' : `MITRE ATT&CK ${mitreTechniques.join(', ')}`,
  ];
  return [parts.filter((part) => part !== '').join('; ')];
}

function withLabel(name: string, label: string): string {
  return label === '' ? name : `${name} (${quote(label)})`;
}

function explainSelector(
  plan: HookPlan,
  spec: PlanSpec,
  selector: PlanSelector,
  names: ValueNames,
  facts: KernelFacts,
): string[] {
  const { index, label, returnFilters } = plan.events.selectors[selector.bit]!;
  const { hook, returnType } = spec.resolved;
  const tests = selector.tests.map((test) => {
    const value = plan.values.find(({ id }) => id === test.value)!;
    return [`line ${test.source.line}`, explainTest(test, value, names.get(test.value)!, facts)];
  });
  const returns = returnFilters.map((operand, filter) => [
    `line ${hook.selectors[index]!.matchReturnArgs[filter]!.position.line}`,
    `the return value ${explainReturnFilter(operand, returnType ?? 'sint64')} (seen by the agent, after the call)`,
  ]);
  const conditions = [...tests, ...returns];
  const leads = conditions.map((_, row) => (row === 0 ? 'if ' : 'and'));
  const rows = conditions.map(([place, text], row) => [place!, `${leads[row]} ${text}`]);
  if (rows.length === 0) rows.push([`line ${selector.source.line}`, 'on every call']);
  rows.push(['', `=> ${explainActions(spec, hook, index)}`]);
  const title = `selector ${index + 1}${label === '' ? '' : `, ${quote(label)}`}`;
  return [title, ...indent(alignColumns(rows), 2)];
}

function explainActions(spec: PlanSpec, hook: HookSpec, index: number): string {
  const actions = hook.selectors[index]?.actions ?? [];
  const silent = actions.some(({ kind }) => kind === 'NoPost');
  const report = silent ? 'no event' : 'event';
  const enforced = actions.flatMap((action) => explainEnforcement(action));
  if (enforced.length === 0) return report;
  if (spec.resolved.policy.mode === 'monitor') {
    return `${report}; monitor mode: in enforce mode it would ${joinWords(enforced, 'and')}`;
  }
  return `${joinWords(enforced, 'and')}; ${report}`;
}

function explainEnforcement(action: Action): string[] {
  switch (action.kind) {
    case 'Post':
    case 'NoPost':
      return [];
    case 'Sigkill':
      return ['kill the process with SIGKILL'];
    case 'Signal':
      return [`send ${nameOf(constants.signals, action.signal) ?? `signal ${action.signal}`} to the process`];
    case 'Override':
      return [`refuse the call with ${nameOf(constants.errno, -action.error) ?? action.error}`];
    default:
      return action satisfies never;
  }
}

function nameOf(numbers: Readonly<Record<string, number>>, wanted: number): string | undefined {
  return Object.entries(numbers).find(([, number]) => number === wanted)?.[0];
}

/** `2 selectors of 1 policy`. */
export function countSelectors(plan: HookPlan): string {
  const policies = new Set(plan.specs.map((spec) => spec.resolved.policy));
  return `${count(plan.selectorCount, 'selector')} of ${policies.size === 1 ? '1 policy' : `${policies.size} policies`}`;
}

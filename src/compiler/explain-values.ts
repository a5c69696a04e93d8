import { alignColumns, joinWords } from './explain-text.ts';
import type { AttachPoint, HookPlan, PlanSelector, PlanSpec, PlanValue } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { eagerValues, openTests } from './value-trees.ts';

/** Names of the values of one plan, unique in it. */
export type ValueNames = ReadonlyMap<number, string>;

/** `file`, `daddr`, `binary`: what the kernel calls a parameter, or what a value of the process is. */
export function nameValues(plan: HookPlan, facts: KernelFacts): ValueNames {
  const parameters = parameterNames(plan.attach, facts);
  const plain = plan.values.map((value) => plainName(value, parameters));
  return new Map(
    plan.values.map((value, index) => {
      const isUnique = plain.indexOf(plain[index]!) === plain.lastIndexOf(plain[index]!);
      return [value.id, isUnique ? plain[index]! : `${plain[index]} as ${value.type}`];
    }),
  );
}

function plainName({ source }: PlanValue, parameters: readonly string[]): string {
  switch (source.kind) {
    case 'parameter':
      return parameters[source.index] || `argument ${source.index}`;
    case 'field':
      return source.field.name;
    case 'pid':
      return 'process id';
    case 'namespacePid':
      return 'process id in its namespace';
    case 'binary':
      return 'binary of the process';
    case 'namespace':
      return `${source.namespace} namespace`;
    case 'capabilities':
      return `${source.set} capabilities`;
    case 'stack':
      return `${source.of} stack`;
    default:
      return source satisfies never;
  }
}

function parameterNames(attach: AttachPoint, facts: KernelFacts): readonly string[] {
  const namesOf = (parameters: readonly { readonly name: string }[] | undefined) =>
    (parameters ?? []).map((parameter) => parameter.name);
  if (attach.syscall) {
    const bare = attach.target.replace(/^.*sys_(enter_)?/, '');
    const fields = facts.tracepoints[`syscalls/sys_enter_${bare}`]?.fields ?? [];
    /* After the common fields comes the number of the call. */
    return namesOf(fields.filter((field) => !field.name.startsWith('common_')).slice(1));
  }
  if (attach.mechanism === 'raw_tracepoint') return namesOf(facts.rawTracepoints[attach.target]?.parameters);
  if (attach.mechanism === 'lsm') {
    return namesOf(
      (facts.functions[`bpf_lsm_${attach.target}`] ?? facts.functions[`security_${attach.target}`])?.parameters,
    );
  }
  return namesOf(facts.functions[attach.target]?.parameters);
}

/** A table of the values in the order they are read: cost, name, how it is read, when. */
export function explainValues(plan: HookPlan, names: ValueNames): string[] {
  if (plan.values.length === 0) return ['none: no filter and no event needs one'];
  const eager = eagerValues(plan);
  const rows = inReadingOrder(plan).map((value) => [
    String(value.cost),
    names.get(value.id)!,
    readAs(value),
    eager.has(value.id) ? `on every call: ${deciders(plan, value)}` : readersOf(plan, value),
  ]);
  return alignColumns([['cost', 'value', 'read as', 'when'], ...rows], new Set([0]));
}

/** What every call reads, cheapest first, then what only some calls need. */
export function inReadingOrder(plan: HookPlan): PlanValue[] {
  const eager = eagerValues(plan);
  return [...plan.values].sort((left, right) => Number(eager.has(right.id)) - Number(eager.has(left.id)));
}

function readAs(value: PlanValue): string {
  switch (value.source.kind) {
    case 'parameter':
      return `${value.type}, argument ${value.source.index}`;
    case 'field':
      return `${value.type}, field at byte ${value.source.field.offset}`;
    case 'binary':
      return 'string, in the process state';
    default:
      return value.type;
  }
}

function deciders(plan: HookPlan, value: PlanValue): string {
  const specs = plan.specs.filter(
    ({ search, selectors }) =>
      (search === 'direct' || search === 'candidate') && selectors.some(({ index }) => index?.value === value.id),
  );
  return `finds matches of ${joinWords(uniqueNames(specs), 'and')}`;
}

function readersOf(plan: HookPlan, value: PlanValue): string {
  const testing = plan.specs.filter(
    (spec) =>
      (spec.search === 'candidate' || spec.search === 'tried') &&
      spec.selectors.some((selector) => openTests(spec, selector).some((test) => test.value === value.id)),
  );
  const bit = 1n << BigInt(value.id);
  const reporting = plan.specs.filter(({ selectors }) => selectors.some(({ consequence }) => consequence.want & bit));
  const reasons = [
    testing.length > 0 ? `when a selector of ${joinWords(uniqueNames(testing), 'or')} asks` : '',
    reporting.length > 0 ? `for the event of ${joinWords(uniqueNames(reporting), 'or')}` : '',
  ];
  return reasons.filter((reason) => reason !== '').join('; ') || 'never';
}

function uniqueNames(specs: readonly PlanSpec[]): string[] {
  return [...new Set(specs.map((spec) => spec.resolved.policy.name))];
}

/** `policy selector 2`, or with its label. */
export function nameSelector(plan: HookPlan, spec: PlanSpec, selector: PlanSelector): string {
  if (spec.selectors.length === 1) return spec.resolved.policy.name;
  const { index, label } = plan.events.selectors[selector.bit]!;
  return `${spec.resolved.policy.name} selector ${index + 1}${label === '' ? '' : ` (${label})`}`;
}

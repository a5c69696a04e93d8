import type { ConcreteType } from '../../src/policy/argument-types.ts';
import { capabilityNames } from '../../src/policy/capabilities.ts';
import { namespaceNames } from '../../src/policy/namespace-names.ts';
import { familyNumbers, fileTypeNumbers, protocolNumbers, stateNumbers } from '../../src/policy/network-names.ts';
import { operatorsFor } from '../../src/policy/operators.ts';
import { maxBinaryLength, maxBinaryPostfixLength } from '../../src/policy/rules/match-binaries.ts';
import type { IntegerType, TestParameter } from './parameters.ts';
import type { Pools } from './pools.ts';
import type { Random } from './random.ts';
import type {
  ArgumentSketch,
  FilterFields,
  FilterSketch,
  HookSketch,
  PlanSketch,
  PolicySketch,
  SelectorSketch,
} from './sketch.ts';
import type { TestProcess } from './test-process.ts';

/** What random policies are made from. */
export interface PolicySource {
  readonly random: Random;
  readonly parameters: readonly TestParameter[];
  readonly pools: Pools;
  readonly process: TestProcess;
}

/** What a plan's policies have in common, because programs let calls pass early only when all policies allow it. */
interface PlanStyle {
  /** Every selector has a filter that is not negated. */
  readonly searchable: boolean;
  /** Strings are not compared from their end. */
  readonly noPostfix: boolean;
}

type StyledSource = PolicySource & { readonly style: PlanStyle };

/** One to forty hook specifications of several policies, all on one hook. */
export function randomPlan(source: PolicySource): PlanSketch {
  const { random } = source;
  let left = random.pick([
    1,
    random.between(1, 4),
    random.between(2, 10),
    random.between(5, 20),
    random.between(20, 40),
  ]);
  const styled = { ...source, style: { searchable: random.chance(40), noPostfix: random.chance(40) } };
  const policies: PolicySketch[] = [];
  while (left > 0) {
    const count = Math.min(left, random.pick([1, 1, 1, 2, 3]));
    left -= count;
    const hooks = Array.from({ length: count }, () => randomHook(styled));
    policies.push({ name: `policy-${policies.length}`, mode: random.chance(10) ? 'monitor' : 'enforce', hooks });
  }
  return { policies, hostNamespaces: randomHostNamespaces(source) };
}

function randomHostNamespaces({ random, process }: PolicySource): Record<string, number> {
  return Object.fromEntries(
    Object.entries(process.namespaces).map(([name, inode]) => [name, random.chance(50) ? inode : inode + 1]),
  );
}

function randomHook(source: StyledSource): HookSketch {
  const { random, parameters } = source;
  const args: ArgumentSketch[] = [];
  for (const [index, { types }] of parameters.entries()) {
    if (random.chance(60)) args.push({ index, type: random.pick(types) });
  }
  const selectors = random.pick([source.style.searchable ? 1 : 0, 1, 1, 1, 1, 1, 2, 2, 3, 4, 6]);
  return { args, selectors: Array.from({ length: selectors }, () => randomSelector(source, args)) };
}

function randomSelector(source: StyledSource, args: readonly ArgumentSketch[]): SelectorSketch {
  const { random, pools } = source;
  const { searchable } = source.style;
  const count = !searchable && random.chance(3) ? 0 : random.pick([1, 1, 1, 2, 2, 3, 4]);
  const filters = Array.from({ length: count }, () => randomFilter(source, args));
  while (searchable && filters.every(({ fields }) => fields.operator.startsWith('Not'))) {
    filters[0] = randomFilter(source, args);
  }
  return { filters, noPost: random.chance(5), override: random.chance(20) ? random.pick(pools.errors) : undefined };
}

function randomFilter(source: StyledSource, args: readonly ArgumentSketch[]): FilterSketch {
  const filtered = args.filter(({ type }) => operatorsFor(type as ConcreteType).length > 0);
  if (filtered.length > 0 && source.random.chance(80)) {
    return { list: 'matchArgs', fields: argumentFilter(source, source.random.pick(filtered)) };
  }
  return source.random.pick([pidFilter, binaryFilter, binaryFilter, namespaceFilter, capabilityFilter])(source);
}

function argumentFilter(source: StyledSource, { index, type }: ArgumentSketch): FilterFields {
  const { random } = source;
  const operators = operatorsFor(type as ConcreteType).filter(
    (name) => !source.style.noPostfix || !name.endsWith('Postfix'),
  );
  const operator = random.pick(operators);
  if (operator.endsWith('Priv')) return { index, operator, values: [] };
  const count = random.pick([1, 1, 1, 2, 3, 5, operator.endsWith('InMap') ? random.between(10, 60) : 8]);
  return { index, operator, values: Array.from({ length: count }, () => argumentValue(source, type, operator)) };
}

function argumentValue(source: PolicySource, type: string, operator: string): string {
  const { random, pools } = source;
  switch (operator.replace(/^Not/, '')) {
    case 'SAddr':
    case 'DAddr':
      return random.pick(pools.networks);
    case 'SPort':
    case 'DPort':
      return random.chance(20)
        ? rangeText(random.pick(pools.ports), random.pick(pools.ports))
        : `${random.pick(pools.ports)}`;
    case 'Protocol':
      return random.pick([
        random.pick(['IPPROTO_TCP', 'IPPROTO_UDP']),
        random.pick([...protocolNumbers.keys()]),
        '6',
        '5:20',
      ]);
    case 'Family':
      return random.pick([
        random.pick(['AF_INET', 'AF_INET6', 'AF_UNIX']),
        random.pick([...familyNumbers.keys()]),
        '1:3',
      ]);
    case 'State':
      return random.pick([random.pick([...stateNumbers.keys()]), '3', '2:5']);
    case 'FileType':
      return random.pick([...fileTypeNumbers.keys()]);
    default:
      return type in pools.numbers ? numberValue(source, type as IntegerType, operator) : textValue(source, type);
  }
}

function textValue({ random, pools }: PolicySource, type: string): string {
  return random.pick(type === 'string' || type === 'filename' ? pools.texts : pools.paths);
}

function numberValue({ random, pools }: PolicySource, type: IntegerType, operator: string): string {
  const number = () => random.pick(pools.numbers[type]);
  if (operator.endsWith('InRange') || (operator.endsWith('InMap') && random.chance(30)))
    return rangeText(number(), number());
  const value = number();
  return value >= 0n && random.chance(20) ? `0x${value.toString(16)}` : `${value}`;
}

function rangeText<Value extends number | bigint>(first: Value, second: Value): string {
  return first <= second ? `${first}:${second}` : `${second}:${first}`;
}

function pidFilter({ random, process }: PolicySource): FilterSketch {
  const isNamespacePID = random.chance(40);
  const own = isNamespacePID ? process.namespacePid : process.pid;
  const values = random.picks([own, own, own + 1, own - 1, 1, 2, 4000000], random.between(1, 4));
  return { list: 'matchPIDs', fields: { operator: random.pick(['In', 'NotIn']), isNamespacePID, values } };
}

function binaryFilter({ random, pools }: PolicySource): FilterSketch {
  const operator = random.pick(['In', 'NotIn', 'Prefix', 'NotPrefix', 'Postfix', 'NotPostfix']);
  const bound = operator.endsWith('Postfix') ? maxBinaryPostfixLength : maxBinaryLength;
  const paths = pools.paths.filter((path) => path !== '' && Buffer.byteLength(path) <= bound);
  return { list: 'matchBinaries', fields: { operator, values: random.picks(paths, random.pick([1, 1, 2, 6])) } };
}

function namespaceFilter({ random, process }: PolicySource): FilterSketch {
  const [namespace, name] = random.pick(Object.entries(namespaceNames));
  const own = process.namespaces[name];
  const values = random.picks(['host_ns', `${own}`, `${own + 1}`, '1', '4294967295'], random.between(1, 3));
  return { list: 'matchNamespaces', fields: { namespace, operator: random.pick(['In', 'NotIn']), values } };
}

function capabilityFilter({ random }: PolicySource): FilterSketch {
  const fields = {
    type: random.pick(['Effective', 'Inheritable', 'Permitted']),
    operator: random.pick(['In', 'NotIn']),
    isNamespaceCapability: random.chance(25),
    values: random.picks(capabilityNames, random.between(1, 3)),
  };
  return { list: 'matchCapabilities', fields };
}

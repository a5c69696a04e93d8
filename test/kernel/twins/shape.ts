/** A difference between an event and its twin: where, and what. */
export interface Difference {
  /** `process_kprobe.args[0].file_arg.path`; elements of lists of names have no index. */
  readonly path: string;
  readonly text: string;
}

/** How two values differ in what clients rely on: members, types, encodings, and the values that a policy determines. */
export function differences(wanted: unknown, found: unknown, path = ''): Difference[] {
  if (wanted === undefined) return [{ path, text: 'is not in the sample' }];
  if (found === undefined) return [{ path, text: 'is missing' }];
  if (Array.isArray(wanted) && Array.isArray(found)) return listDifferences(wanted, found, path);
  if (isObject(wanted) && isObject(found)) {
    const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
    return [...names].flatMap((name) => differences(wanted[name], found[name], path === '' ? name : `${path}.${name}`));
  }
  const [one, other] = [encodingOf(path, wanted), encodingOf(path, found)];
  return one === other ? [] : [{ path, text: `is ${other}, and ${one} in the sample` }];
}

/** Of processes and names there may be more or fewer: all must look like the first one. Arguments are compared one by one. */
function listDifferences(wanted: readonly unknown[], found: readonly unknown[], path: string): Difference[] {
  if (/(^|\.)(permitted|effective|inheritable|ancestors|kernel_stack_trace)$/.test(path)) {
    if (wanted.length === 0 || found.length === 0) return differences(wanted[0], found[0], path);
    return found.flatMap((element) => differences(wanted[0], element, path));
  }
  if (wanted.length !== found.length)
    return [{ path, text: `has ${found.length} elements, and ${wanted.length} in the sample` }];
  return wanted.flatMap((element, index) => differences(element, found[index], `${path}[${index}]`));
}

/** A number, a boolean, or what kind of text; the text itself where a policy or the API determines it. */
function encodingOf(path: string, value: unknown): string {
  if (typeof value !== 'string') return typeof value;
  const name = path.slice(path.lastIndexOf('.') + 1).replace(/\[\d+\]$/, '');
  if (determined.has(name)) return JSON.stringify(value);
  const kind = textKinds.find(([names, pattern]) => names.test(name) && pattern.test(value));
  return kind?.[2] ?? 'text';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const determined = new Set([
  'function_name',
  'policy_name',
  'action',
  'return_action',
  'message',
  'tags',
  'subsys',
  'event',
  'signal',
  'label',
  'family',
  'type',
  'protocol',
  'state',
  'abi',
]);

const digits = /^(0|[1-9]\d*)$/;
const textKinds: readonly (readonly [names: RegExp, pattern: RegExp, kind: string])[] = [
  /* Of nanoseconds that are zeros protobuf leaves out three at a time. */
  [/^(time|start_time)$/, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}){1,3})?Z$/, 'a time'],
  [/exec_id$/, /^[A-Za-z0-9+/]{8,}={0,2}$/, 'base64'],
  [/^(bytes_arg|buildid)$/, /^[A-Za-z0-9+/]+={0,2}$/, 'base64'],
  [/^(cookie|long_arg|size_arg|offset)$/, digits, 'a number in quotes'],
  [/^flags$/, /^[a-zA-Z]+( [a-zA-Z]+)*$/, 'words'],
  [/^permission$/, /^[-dcl]?[-rwxst]{9}$/, 'a permission as ls has it'],
  [/^(saddr|daddr|addr)$/, /^[\d.]+$/, 'an IPv4 address'],
  [/^(permitted|effective|inheritable|name)$/, /^(CAP_|DAC_)[A-Z_]+$/, 'a capability'],
  [/^(path|cwd|binary)$/, /^\//, 'an absolute path'],
];

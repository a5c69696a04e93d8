import type { Position } from '../policy/model.ts';
import type { SourceNode } from '../policy/source.ts';
import { nearest } from '../policy/suggest.ts';
import type { OptionType } from './option-types.ts';

/** Says that what stands at a position cannot be used. */
export type ProblemReport = (position: Position, message: string, hint?: string) => void;

/** How the value of a key is read: returns undefined after it has reported why it cannot be. */
export type ValueReader<Value> = (node: SourceNode, report: ProblemReport) => Value | undefined;

/** One key of a map in a YAML file of settings. */
export interface Key<Value> {
  readonly read: ValueReader<NonNullable<Value>>;
  /** The value when the key is not there. */
  readonly initial: Value;
  readonly isRequired: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: keys of all types side by side
export type KeyTable = Readonly<Record<string, Key<any>>>;

/** What a map with these keys is read to. */
export type KeyValues<Table extends KeyTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Key<infer Value> ? Value : never;
};

export function required<Value>(read: ValueReader<Value>): Key<Value> {
  return { read: read as ValueReader<NonNullable<Value>>, initial: undefined as Value, isRequired: true };
}

export function optionalKey<Value>(read: ValueReader<Value>): Key<Value | undefined> {
  return { read: read as ValueReader<NonNullable<Value>>, initial: undefined, isRequired: false };
}

export function withDefault<Value>(read: ValueReader<Value>, initial: Value): Key<Value> {
  return { read: read as ValueReader<NonNullable<Value>>, initial, isRequired: false };
}

/** A group of keys that all have defaults. */
export function defaultedGroup<Table extends KeyTable>(table: Table): Key<KeyValues<Table>> {
  return withDefault(group(table), defaultsOf(table));
}

/**
 * Reads a map by its table: reports keys that the table does not have, those given as null and those that are missing.
 * A key with a problem has its initial value in what is returned; undefined when the node is no map.
 */
export function readMap<Table extends KeyTable>(
  node: SourceNode,
  table: Table,
  report: ProblemReport,
): KeyValues<Table> | undefined {
  if (node.kind !== 'map') {
    report(node.position, 'Expected a map of settings', `Known keys are ${Object.keys(table).join(', ')}.`);
    return undefined;
  }
  const names = Object.keys(table);
  const values: Record<string, unknown> = defaultsOf(table);
  const found = new Set<string | undefined>();
  for (const { key, keyPosition, value } of node.entries) {
    const isKnown = Object.hasOwn(table, key);
    if (isKnown) values[key] = table[key]!.read(value, report) ?? table[key]!.initial;
    else report(keyPosition, `Unknown key ${JSON.stringify(key)}`, knownHint(key, names));
    /* A key that is misspelt is not missing as well. */
    found.add(isKnown ? key : nearest(key, names));
  }
  for (const name of names) {
    if (table[name]!.isRequired && !found.has(name)) report(node.position, `The key "${name}" is missing`);
  }
  return values as KeyValues<Table>;
}

/** What a map has whose keys all have a default, when it is not there. */
export function defaultsOf<Table extends KeyTable>(table: Table): KeyValues<Table> {
  return Object.fromEntries(Object.entries(table).map(([name, { initial }]) => [name, initial])) as KeyValues<Table>;
}

/** A map inside a map. */
export function group<Table extends KeyTable>(table: Table): ValueReader<KeyValues<Table>> {
  return (node, report) => readMap(node, table, report);
}

/** A single value, of the same kinds as options of the command line: `64MiB`, `1s`, `true`. */
export function scalar<Value>(type: OptionType<Value>): ValueReader<Value> {
  return (node, report) => {
    if (node.kind !== 'scalar' || node.value === null) {
      report(node.position, `Expected a single value, found ${describe(node)}`);
      return undefined;
    }
    try {
      return type.parse(node.text);
    } catch (error) {
      report(node.position, `${JSON.stringify(node.text)} is not ${(error as Error).message}`);
      return undefined;
    }
  };
}

/** A list; items with a problem are left out. */
export function listOf<Item>(read: ValueReader<Item>): ValueReader<readonly Item[]> {
  return (node, report) => {
    if (node.kind !== 'list') {
      report(node.position, `Expected a list, found ${describe(node)}`, 'Write [a, b], or one "- item" on each line.');
      return undefined;
    }
    return node.items.map((item) => read(item, report)).filter((item) => item !== undefined);
  };
}

/** A map with keys of the user's choice, such as the headers of a request. */
export function mapOf<Value>(read: ValueReader<Value>): ValueReader<Readonly<Record<string, Value>>> {
  return (node, report) => {
    if (node.kind !== 'map') {
      report(node.position, `Expected a map, found ${describe(node)}`, 'Write one "name: value" on each line.');
      return undefined;
    }
    const values = node.entries.map(({ key, value }) => [key, read(value, report)] as const);
    return Object.fromEntries(values.filter((pair): pair is readonly [string, Value] => pair[1] !== undefined));
  };
}

/** `Did you mean "x"?`, or else all there are. */
export function knownHint(word: string, known: readonly string[]): string {
  const best = nearest(word, known);
  return best === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${JSON.stringify(best)}?`;
}

export function describe(node: SourceNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  return node.value === null ? 'nothing' : JSON.stringify(node.text);
}

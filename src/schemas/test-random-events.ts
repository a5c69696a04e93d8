import type { Json, JsonObject } from './json.ts';

/** Small deterministic generator of numbers (mulberry32), so that a failure can be seen again by its seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to `end` - 1. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % end;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const oddKeys = ['__proto__', 'constructor', 'toString', 'length', '', 'later', 'process', 'time', 'a.b', '0'];
const oddValues: readonly Json[] = [
  null,
  true,
  -1,
  0.5,
  4294967295,
  '',
  'text',
  '9007199254740993',
  '\ud800',
  '\u0000\n',
  [],
  {},
  [{}],
  [null, [1]],
  { path: { a: 1 } },
  'T1059.004',
  '/a/b/',
  '-rwxr-xr-x',
];

/** `event` with some members replaced, removed, exchanged or added, at any depth, those of `others` among them. */
export function mutate(event: JsonObject, others: readonly JsonObject[], random: Random): JsonObject {
  const copy = structuredClone(event) as Record<string, Json>;
  for (let count = 1 + random.below(5); count > 0; count--) change(copy, others, random);
  return copy;
}

function change(root: Record<string, Json>, others: readonly JsonObject[], random: Random): void {
  const target = somewhere(root, random);
  const keys = Object.keys(target);
  const isOdd = !Array.isArray(target) && (random.below(3) === 0 || keys.length === 0);
  const key = isOdd ? random.pick(oddKeys) : (random.pick([...keys, '0']) ?? '0');
  const choice = random.below(4);
  if (choice === 0) delete target[key];
  else set(target, key, choice === 1 ? somewhere(structuredClone(random.pick(others)) as never, random) : odd(random));
}

function odd(random: Random): Json {
  return structuredClone(random.pick(oddValues)) as Json;
}

/** An object inside, or the object itself. */
function somewhere(root: Record<string, Json>, random: Random): Record<string, Json> {
  let place = root;
  for (;;) {
    const inner = Object.values(place).filter((value) => typeof value === 'object' && value !== null);
    if (inner.length === 0 || random.below(4) === 0) return place;
    place = random.pick(inner) as Record<string, Json>;
  }
}

function set(target: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Which keys a record has: a Set, a Map, or something that finds out when it is asked. */
export interface KeySet {
  has(key: string): boolean;
  keys(): Iterable<string>;
}

/**
 * A record whose values are computed when they are read, and kept: for the tens of thousands of entries of a kernel of which
 * a policy needs few. Enumerating keys computes nothing; spreading and serialising compute everything, as of a plain object. It
 * cannot be changed.
 */
export function lazyRecord<Value>(keys: KeySet, read: (key: string) => Value): Readonly<Record<string, Value>> {
  const values = new Map<string, Value>();
  const valueAt = (key: string): Value => {
    if (!values.has(key)) {
      values.set(key, read(key));
    }
    return values.get(key)!;
  };
  const has = (key: string | symbol): key is string => typeof key === 'string' && (values.has(key) || keys.has(key));
  return new Proxy(Object.create(null) as Record<string, Value>, {
    has: (_target, key) => has(key),
    get: (_target, key) => (has(key) ? valueAt(key) : undefined),
    ownKeys: () => [...keys.keys()],
    getOwnPropertyDescriptor: (_target, key) =>
      has(key) ? { get: () => valueAt(key), enumerable: true, configurable: true } : undefined,
    set: () => false,
    deleteProperty: () => false,
    defineProperty: () => false,
  });
}

/** Finds the types that bear a name, without making a string per type. */
export interface NameIndex {
  /** Ids of types with exactly this name, lowest first; calls `accept` until it returns true, and returns that id. */
  find(name: string, accept: (id: number) => boolean): number | undefined;
}

/**
 * Hash table over where the names of all types stand in `strings`, which takes a few milliseconds for the 150 000 types of a
 * kernel because it reads no name; a name is then searched for in the strings. `nameOffset` gives the place of a type's name;
 * 0 means that it has none.
 */
export function buildNameIndex(strings: Buffer, typeCount: number, nameOffset: (id: number) => number): NameIndex {
  const bits = Math.ceil(Math.log2(typeCount + 1));
  const first = new Int32Array(2 ** bits);
  const next = new Int32Array(typeCount + 1);
  const bucketOf = (offset: number): number => (bits === 0 ? 0 : Math.imul(offset, 0x9e3779b1) >>> (32 - bits));
  for (let id = typeCount; id > 0; id--) {
    const offset = nameOffset(id);
    if (offset === 0) continue;
    const bucket = bucketOf(offset);
    next[id] = first[bucket]!;
    first[bucket] = id;
  }
  return {
    find(name, accept) {
      if (name === '') return undefined;
      let found: number | undefined;
      /* A name may stand there twice, and at the end of a longer one. */
      for (const offset of placesOf(strings, Buffer.from(`${name}\0`))) {
        for (let id = first[bucketOf(offset)]!; id !== 0 && (found === undefined || id < found); id = next[id]!) {
          if (nameOffset(id) === offset && accept(id)) found = id;
        }
      }
      return found;
    },
  };
}

function* placesOf(strings: Buffer, wanted: Buffer): Generator<number> {
  for (let at = strings.indexOf(wanted); at >= 0; at = strings.indexOf(wanted, at + 1)) yield at;
}

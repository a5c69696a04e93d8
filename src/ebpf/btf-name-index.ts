/** Finds the types that bear a name, without making a string per type. */
export interface NameIndex {
  /** Ids of types with exactly this name, lowest first; calls `accept` until it returns true, and returns that id. */
  find(name: string, accept: (id: number) => boolean): number | undefined;
}

/**
 * Hash table over the names of all types, made in about 10 ms for the 150 000 types of a kernel. `nameOffset` gives the
 * place of a type's name in `strings`; 0 means that it has none.
 */
export function buildNameIndex(strings: Uint8Array, typeCount: number, nameOffset: (id: number) => number): NameIndex {
  const mask = 2 ** Math.ceil(Math.log2(typeCount + 1)) - 1;
  const first = new Int32Array(mask + 1);
  const next = new Int32Array(typeCount + 1);
  for (let id = typeCount; id > 0; id--) {
    const offset = nameOffset(id);
    if (offset === 0) continue;
    const bucket = hash(strings, offset) & mask;
    next[id] = first[bucket]!;
    first[bucket] = id;
  }
  return {
    find(name, accept) {
      const wanted = new TextEncoder().encode(`${name}\0`);
      for (let id = first[hash(wanted, 0) & mask]!; id !== 0; id = next[id]!) {
        if (startsWith(strings, nameOffset(id), wanted) && accept(id)) return id;
      }
      return undefined;
    },
  };
}

/** FNV-1a up to the NUL. */
function hash(bytes: Uint8Array, start: number): number {
  let value = 0x811c9dc5;
  for (let index = start; index < bytes.length && bytes[index] !== 0; index++) {
    value = Math.imul(value ^ bytes[index]!, 0x01000193);
  }
  return value >>> 0;
}

function startsWith(bytes: Uint8Array, offset: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (bytes[offset + index] !== wanted[index]) return false;
  }
  return true;
}

/** Finds the types that bear a name, without making a string per type. */
export interface NameIndex {
  /** Ids of types with exactly this name, lowest first; calls `accept` until it returns true, and returns that id. */
  find(name: string, accept: (id: number) => boolean): number | undefined;
}

/** What is indexed; `nameOffset` gives the place of a type's name in `strings`, 0 means that it has none. */
export interface NamedTypes {
  readonly strings: Buffer;
  readonly typeCount: number;
  readonly nameOffset: (id: number) => number;
}

/** A search in the 3 MB of a kernel's names costs some 3 ms, so that this many cost what an index by name costs. */
const searchesBeforeIndex = 16;

/** Searches for a few names, and makes an index when there are more. */
export function createNameIndex(types: NamedTypes): NameIndex {
  let searches = 0;
  let index: NameIndex | undefined;
  return {
    find(name, accept) {
      if (searches++ === 0) index = indexByPlace(types);
      if (searches === searchesBeforeIndex) index = indexByName(types);
      return index!.find(name, accept);
    },
  };
}

/**
 * Hash table over where names stand, which takes 3 ms for the 150 000 types of a kernel because it reads no name. A name is
 * searched for in the strings, which hold none twice.
 */
export function indexByPlace({ strings, typeCount, nameOffset }: NamedTypes): NameIndex {
  const bits = Math.ceil(Math.log2(typeCount + 2));
  const table = new HashTable(bits, typeCount);
  const hashOf = (offset: number): number => Math.imul(offset, 0x9e3779b1) >>> (32 - bits);
  for (let id = typeCount; id > 0; id--) {
    const offset = nameOffset(id);
    if (offset !== 0) table.add(hashOf(offset), id);
  }
  return {
    find(name, accept) {
      const wanted = Buffer.from(`${name}\0`);
      /* The end of a longer name is a place too, which usually no type has. */
      for (let place = strings.indexOf(wanted, 1); place > 0; place = strings.indexOf(wanted, place + 1)) {
        const found = table.find(hashOf(place), (id) => nameOffset(id) === place && accept(id));
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Hash table over the names of all types, made in 30 to 50 ms for a kernel. */
export function indexByName({ strings, typeCount, nameOffset }: NamedTypes): NameIndex {
  const table = new HashTable(Math.ceil(Math.log2(typeCount + 2)), typeCount);
  for (let id = typeCount; id > 0; id--) {
    const offset = nameOffset(id);
    if (offset !== 0) table.add(hashName(strings, offset), id);
  }
  return {
    find(name, accept) {
      const wanted = Buffer.from(`${name}\0`);
      return table.find(hashName(wanted, 0), (id) => startsWith(strings, nameOffset(id), wanted) && accept(id));
    },
  };
}

/** Chains of ids by hash. */
class HashTable {
  readonly #mask: number;
  readonly #first: Int32Array;
  readonly #next: Int32Array;

  constructor(bits: number, lastId: number) {
    this.#mask = 2 ** bits - 1;
    this.#first = new Int32Array(2 ** bits);
    this.#next = new Int32Array(lastId + 1);
  }

  /** Ids are found in the reverse of the order in which they are added. */
  add(hash: number, id: number): void {
    const bucket = hash & this.#mask;
    this.#next[id] = this.#first[bucket]!;
    this.#first[bucket] = id;
  }

  find(hash: number, accept: (id: number) => boolean): number | undefined {
    for (let id = this.#first[hash & this.#mask]!; id !== 0; id = this.#next[id]!) {
      if (accept(id)) return id;
    }
    return undefined;
  }
}

/** FNV-1a up to the NUL. */
function hashName(bytes: Uint8Array, start: number): number {
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

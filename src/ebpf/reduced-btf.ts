import { btfHeaderBytes, btfKind, btfMagic, extraWords, typeHeaderWords } from './btf-format.ts';

/**
 * Type information reduced to what relocations of some objects look at. All types keep their numbers: one that is not needed
 * becomes a nameless `volatile void`, so that a search by name passes over it and an id still means the same type to the
 * kernel. The strings stay as they are.
 */
export function reduceBtf(kernel: Uint8Array, objects: readonly Uint8Array[]): Uint8Array {
  const types = new TypeTable(kernel);
  const names = new Set(objects.flatMap((object) => relocatableNames(new TypeTable(object))));
  const wanted = new Set([...names].map((name) => types.stringOffset(name)).filter((offset) => offset > 0));
  const needed = new Uint8Array(types.count + 1);
  for (let id = 1; id <= types.count; id++)
    if (wanted.has(types.nameOffset(id)) && relocatableKinds.has(types.kind(id))) markNeeded(types, id, needed);
  return types.write(needed);
}

const relocatableKinds: ReadonlySet<number> = new Set([
  btfKind.struct,
  btfKind.union,
  btfKind.enum,
  btfKind.enum64,
  btfKind.typedef,
  btfKind.int,
]);

/** `struct mount___old` stands for a `struct mount` of some kernels. */
function relocatableNames(types: TypeTable): string[] {
  const names: string[] = [];
  for (let id = 1; id <= types.count; id++)
    if (types.nameOffset(id) > 0 && relocatableKinds.has(types.kind(id)))
      names.push(types.name(id).replace(/___.*$/, ''));
  return names;
}

/** A type and all that lies inside of it. What pointers point to has relocations of its own. */
function markNeeded(types: TypeTable, start: number, needed: Uint8Array): void {
  const left = [start];
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    if (id === 0 || needed[id] === 1) continue;
    needed[id] = 1;
    left.push(...types.inside(id));
  }
}

const placeholderInfo = btfKind.volatile << 24;
const modifiers: ReadonlySet<number> = new Set([
  btfKind.typedef,
  btfKind.volatile,
  btfKind.const,
  btfKind.restrict,
  btfKind.typeTag,
]);

/** The types of one BTF blob by id. Throws when it is none. */
class TypeTable {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #strings: Buffer;
  readonly #words: Uint32Array;
  readonly #starts: Uint32Array;

  constructor(blob: Uint8Array) {
    this.#bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
    if (this.#bytes.length < btfHeaderBytes || this.#bytes.readUInt16LE(0) !== btfMagic)
      throw new Error('this is not BTF');
    const header = this.#bytes.readUInt32LE(4);
    const [typeOffset, typeBytes, stringOffset, stringBytes] = [8, 12, 16, 20].map((at) =>
      this.#bytes.readUInt32LE(at),
    ) as [number, number, number, number];
    this.#strings = this.#bytes.subarray(header + stringOffset, header + stringOffset + stringBytes);
    /* A copy: words need an aligned start. */
    this.#words = new Uint32Array(
      Uint8Array.from(this.#bytes.subarray(header + typeOffset, header + typeOffset + typeBytes)).buffer,
    );
    this.#starts = startsOf(this.#words);
    this.count = this.#starts.length - 2;
  }

  kind(id: number): number {
    return kindOf(this.#words[this.#starts[id]! + 1]!);
  }

  /** 0 for a type without a name. */
  nameOffset(id: number): number {
    return this.#words[this.#starts[id]!]!;
  }

  name(id: number): string {
    const offset = this.nameOffset(id);
    return this.#strings.toString('latin1', offset, this.#strings.indexOf(0, offset));
  }

  /** Where a string is, -1 when it is nowhere: each is there once. */
  stringOffset(text: string): number {
    const found = this.#strings.indexOf(`\0${text}\0`, 0, 'latin1');
    return found < 0 ? found : found + 1;
  }

  /** Types whose values are part of a value of this type. */
  inside(id: number): number[] {
    const start = this.#starts[id]!;
    const kind = this.kind(id);
    if (modifiers.has(kind)) return [this.#words[start + 2]!];
    const extra = start + typeHeaderWords;
    if (kind === btfKind.array) return [this.#words[extra]!, this.#words[extra + 1]!];
    if (kind !== btfKind.struct && kind !== btfKind.union) return [];
    const members: number[] = [];
    for (let at = extra; at < this.#starts[id + 1]!; at += 3) members.push(this.#words[at + 1]!);
    return members;
  }

  /** The blob with placeholders for the types that are not `needed`. */
  write(needed: Uint8Array): Uint8Array {
    const words = new Uint32Array(this.#words.length);
    let end = 0;
    for (let id = 1; id <= this.count; id++) {
      if (needed[id] === 1) {
        for (let at = this.#starts[id]!; at < this.#starts[id + 1]!; at++) words[end++] = this.#words[at]!;
      } else {
        words[end + 1] = placeholderInfo;
        end += typeHeaderWords;
      }
    }
    const header = Buffer.alloc(btfHeaderBytes);
    this.#bytes.copy(header, 0, 0, 4);
    for (const [at, value] of [btfHeaderBytes, 0, 4 * end, 4 * end, this.#strings.length].entries())
      header.writeUInt32LE(value, 4 + 4 * at);
    return Buffer.concat([header, new Uint8Array(words.buffer, 0, 4 * end), this.#strings]);
  }
}

/** By id, where the type starts, in words; the first entry stands for void, the last for the end. */
function startsOf(words: Uint32Array): Uint32Array {
  const starts = new Uint32Array(words.length / typeHeaderWords + 2);
  let count = 1;
  for (let at = 0; at < words.length; ) {
    starts[count++] = at;
    const info = words[at + 1]!;
    const extra = extraWords[kindOf(info)];
    if (extra === undefined) throw new Error(`BTF of an unknown kind ${kindOf(info)}`);
    at += typeHeaderWords + extra.fixed + extra.each * (info & 0xffff);
  }
  starts[count++] = words.length;
  return starts.subarray(0, count);
}

function kindOf(info: number): number {
  return (info >>> 24) & 0x1f;
}

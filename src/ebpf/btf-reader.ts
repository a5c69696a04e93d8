import { btfKind, extraWords, intSigned, typeHeaderWords } from './btf-format.ts';
import { findTypeStarts, splitBtf } from './btf-layout.ts';
import { createNameIndex, type NameIndex } from './btf-name-index.ts';

/** Number of a type in one BTF file; 0 is void. */
export type TypeId = number;

export interface BtfFunction {
  readonly name: string;
  /** Id of its prototype. */
  readonly type: TypeId;
}

export interface BtfParameter {
  /** Empty when the source has none. */
  readonly name: string;
  readonly type: TypeId;
}

export interface BtfPrototype {
  readonly returns: TypeId;
  /** Without the `...` of a variadic function. */
  readonly parameters: readonly BtfParameter[];
  readonly variadic: boolean;
}

export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string;
  readonly type: TypeId;
  /** Byte in the struct where the member starts; for a bit field the byte that holds its first bit. */
  readonly offset: number;
  readonly bitOffset: number;
  /** 0 unless it is a bit field. */
  readonly bitSize: number;
}

/** Where a member is, counted from the start of the outermost struct. */
export interface MemberLocation extends Omit<BtfMember, 'name'> {
  /** Bytes of its type. */
  readonly size: number;
}

/**
 * A `.BTF` section or `/sys/kernel/btf/vmlinux`. Parsing only notes where each type starts (some 10 ms for a kernel);
 * everything is read from the bytes, which must not change, when asked; results are not cached. A name that
 * does not exist gives undefined; an id that does not exist throws.
 */
export class BtfFile {
  readonly #words: Uint32Array;
  readonly #strings: Buffer;
  /** Index of the first word of each type, by id. */
  readonly #starts: Uint32Array;
  readonly #names: NameIndex;

  private constructor(words: Uint32Array, strings: Buffer, starts: Uint32Array) {
    this.#words = words;
    this.#strings = strings;
    this.#starts = starts;
    this.#names = createNameIndex({ strings, typeCount: this.typeCount, nameOffset: (id) => this.#word(id, 0) });
  }

  /** Throws when the bytes are not little-endian BTF version 1, are cut, or hold a kind of type of unknown length. */
  static parse(bytes: Uint8Array): BtfFile {
    const { words, strings } = splitBtf(bytes);
    return new BtfFile(words, strings, findTypeStarts(words));
  }

  /** Number of types, void not counted; ids go from 1 to this. */
  get typeCount(): number {
    return this.#starts.length - 1;
  }

  /** All functions in order of the file, static ones included. */
  *functions(): Generator<BtfFunction> {
    for (let id = 1; id <= this.typeCount; id++) {
      if (this.kindOf(id) === btfKind.func) yield { name: this.nameOf(id), type: this.#sizeOrType(id) };
    }
  }

  /** One of `btfKind`. */
  kindOf(id: TypeId): number {
    return id === 0 ? btfKind.void : (this.#word(id, 1) >>> 24) & 0x1f;
  }

  /** The name of a type without `struct` or the like; empty when it has none. */
  nameOf(id: TypeId): string {
    return this.#string(this.#word(id, 0));
  }

  /** The first struct or union with this name. */
  findStruct(name: string): TypeId | undefined {
    return this.#find(name, (kind) => kind === btfKind.struct || kind === btfKind.union);
  }

  /** The first typedef with this name. */
  findTypedef(name: string): TypeId | undefined {
    return this.#find(name, (kind) => kind === btfKind.typedef);
  }

  /** Bytes of a struct or union. */
  structSize(name: string): number | undefined {
    const id = this.findStruct(name);
    return id === undefined ? undefined : this.#sizeOrType(id);
  }

  /** Members of a struct or union (or a typedef of one), anonymous ones as they stand. Throws for other types. */
  members(id: TypeId): BtfMember[] {
    const struct = this.resolve(id);
    if (!isComposite(this.kindOf(struct))) throw new Error(`${this.typeName(id)} is not a struct or union`);
    const hasBitFields = this.#kindFlag(struct);
    return Array.from({ length: this.#vlen(struct) }, (_, index) => {
      const word = typeHeaderWords + index * extraWords[btfKind.struct]!.each;
      const place = this.#word(struct, word + 2);
      const bitOffset = hasBitFields ? place & 0xff_ffff : place;
      const bitSize = hasBitFields ? place >>> 24 : 0;
      const name = this.#string(this.#word(struct, word));
      return { name, type: this.#word(struct, word + 1), offset: bitOffset >>> 3, bitOffset, bitSize };
    });
  }

  /**
   * Follows member names (`f_path.dentry`) through embedded and anonymous structs and unions, not through pointers.
   * Undefined when the struct or a member does not exist.
   */
  memberPath(struct: string | TypeId, path: string): MemberLocation | undefined {
    let type = typeof struct === 'string' ? this.findStruct(struct) : struct;
    let member: BtfMember | undefined;
    for (const name of path.split('.')) {
      if (type === undefined) return undefined;
      const step = this.#findMember(type, name, member?.bitOffset ?? 0, 0);
      if (step === undefined) return undefined;
      member = step;
      type = step.type;
    }
    if (member === undefined) return undefined;
    const { offset, bitOffset, bitSize } = member;
    return { type: member.type, offset, bitOffset, bitSize, size: this.sizeOf(member.type) };
  }

  /** The first function with this name. */
  findFunction(name: string): TypeId | undefined {
    return this.#find(name, (kind) => kind === btfKind.func);
  }

  /** The prototype of the first function with this name. */
  prototypeOf(functionName: string): BtfPrototype | undefined {
    const id = this.findFunction(functionName);
    return id === undefined ? undefined : this.prototype(this.#sizeOrType(id));
  }

  /** A prototype by id, as `functions` gives it. Throws when the type is something else. */
  prototype(id: TypeId): BtfPrototype {
    if (this.kindOf(id) !== btfKind.funcProto) throw new Error(`BTF type ${id} is not a function prototype`);
    const parameters = Array.from({ length: this.#vlen(id) }, (_, index) => ({
      name: this.#string(this.#word(id, typeHeaderWords + index * 2)),
      type: this.#word(id, typeHeaderWords + index * 2 + 1),
    }));
    const variadic = parameters.length > 0 && parameters.at(-1)!.type === 0;
    if (variadic) parameters.pop();
    return { returns: this.#sizeOrType(id), parameters, variadic };
  }

  /** What a raw tracepoint program of this event sees: the prototype of `btf_trace_<event>` less its first `void *`. */
  rawTracepoint(event: string): BtfPrototype | undefined {
    const typedef = this.#findRawTracepoint(event);
    if (typedef === undefined) return undefined;
    const pointer = this.resolve(typedef);
    const target = this.resolve(this.#sizeOrType(pointer));
    const { parameters, ...rest } = this.prototype(target);
    return { ...rest, parameters: parameters.slice(1) };
  }

  hasRawTracepoint(event: string): boolean {
    return this.#findRawTracepoint(event) !== undefined;
  }

  /** Events that `rawTracepoint` knows, in order of the file. */
  *rawTracepoints(): Generator<string> {
    for (let id = 1; id <= this.typeCount; id++) {
      if (this.kindOf(id) !== btfKind.typedef) continue;
      const name = this.nameOf(id);
      if (name.startsWith(rawTracepointPrefix)) yield name.slice(rawTracepointPrefix.length);
    }
  }

  /** Values of the first enum with this name, by enumerator: helpers of a kernel are the keys of `bpf_func_id`. */
  enumerators(name: string): Map<string, bigint> | undefined {
    const id = this.#find(name, (kind) => kind === btfKind.enum || kind === btfKind.enum64);
    if (id === undefined) return undefined;
    const wide = this.kindOf(id) === btfKind.enum64;
    const signed = this.#kindFlag(id);
    const step = extraWords[this.kindOf(id)]!.each;
    const values = new Map<string, bigint>();
    for (let index = 0; index < this.#vlen(id); index++) {
      const word = typeHeaderWords + index * step;
      const low = BigInt(this.#word(id, word + 1));
      const bits = wide ? (BigInt(this.#word(id, word + 2)) << 32n) | low : low;
      values.set(this.#string(this.#word(id, word)), signed ? BigInt.asIntN(wide ? 64 : 32, bits) : bits);
    }
    return values;
  }

  /**
   * C spelling without qualifiers and type tags, typedefs kept: `struct file *`, `umode_t`, `char[16]`,
   * `int (*)(void *)`. Base types are as the compiler of the file names them: gcc writes `long int`, clang `long`.
   */
  typeName(id: TypeId): string {
    return this.#spell(id, '', 0);
  }

  /** Bytes of a value of this type; 0 for void, functions and forward declarations. */
  sizeOf(id: TypeId): number {
    const type = this.resolve(id);
    switch (this.kindOf(type)) {
      case btfKind.pointer:
        return 8;
      case btfKind.array:
        return this.#word(type, typeHeaderWords + 2) * this.sizeOf(this.#word(type, typeHeaderWords));
      case btfKind.int:
      case btfKind.struct:
      case btfKind.union:
      case btfKind.enum:
      case btfKind.enum64:
      case btfKind.float:
      case btfKind.dataSection:
        return this.#sizeOrType(type);
      case btfKind.variable:
        return this.sizeOf(this.#sizeOrType(type));
      default:
        return 0;
    }
  }

  /** True for signed integers and enums. */
  isSigned(id: TypeId): boolean {
    const type = this.resolve(id);
    const kind = this.kindOf(type);
    if (kind === btfKind.int) return ((this.#word(type, typeHeaderWords) >>> 24) & intSigned) !== 0;
    return (kind === btfKind.enum || kind === btfKind.enum64) && this.#kindFlag(type);
  }

  isPointer(id: TypeId): boolean {
    return this.kindOf(this.resolve(id)) === btfKind.pointer;
  }

  /** True for a pointer marked `__user`. Only kernels whose compiler writes type tags (clang, gcc 16) have the mark. */
  isUserPointer(id: TypeId): boolean {
    const pointer = this.resolve(id);
    if (this.kindOf(pointer) !== btfKind.pointer) return false;
    let target = this.#sizeOrType(pointer);
    for (let hop = 0; hop < maximumHops && isModifier(this.kindOf(target)); hop++) {
      if (this.kindOf(target) === btfKind.typeTag && this.nameOf(target) === 'user') return true;
      target = this.#sizeOrType(target);
    }
    return false;
  }

  /** The type a pointer (or a typedef of one) points to; undefined for other types. */
  pointerTarget(id: TypeId): TypeId | undefined {
    const pointer = this.resolve(id);
    return this.kindOf(pointer) === btfKind.pointer ? this.#sizeOrType(pointer) : undefined;
  }

  /** The type behind typedefs, qualifiers and type tags. */
  resolve(id: TypeId): TypeId {
    for (let hop = 0; hop < maximumHops; hop++) {
      const kind = this.kindOf(id);
      if (kind !== btfKind.typedef && !isModifier(kind)) return id;
      id = this.#sizeOrType(id);
    }
    throw new Error(`BTF type ${id} goes in a circle`);
  }

  #spell(id: TypeId, inner: string, depth: number): string {
    if (depth > maximumHops) throw new Error(`BTF type ${id} goes in a circle`);
    const kind = this.kindOf(id);
    if (isModifier(kind)) return this.#spell(this.#sizeOrType(id), inner, depth + 1);
    switch (kind) {
      case btfKind.pointer: {
        const target = this.#sizeOrType(id);
        const targetKind = this.kindOf(this.#skipModifiers(target));
        const binds = targetKind === btfKind.array || targetKind === btfKind.funcProto;
        return this.#spell(target, binds ? `(*${inner})` : `*${inner}`, depth + 1);
      }
      case btfKind.array: {
        const count = this.#word(id, typeHeaderWords + 2);
        return this.#spell(this.#word(id, typeHeaderWords), `${inner}[${count}]`, depth + 1);
      }
      case btfKind.funcProto: {
        const { parameters, variadic, returns } = this.prototype(id);
        const list = parameters.map(({ type }) => this.#spell(type, '', depth + 1));
        if (variadic) list.push('...');
        return this.#spell(returns, `${inner}(${list.join(', ') || 'void'})`, depth + 1);
      }
      default:
        return joinDeclarator(this.#baseName(id, kind), inner);
    }
  }

  #baseName(id: TypeId, kind: number): string {
    const name = this.nameOf(id) || '(anonymous)';
    switch (kind) {
      case btfKind.void:
        return 'void';
      case btfKind.struct:
        return `struct ${name}`;
      case btfKind.union:
        return `union ${name}`;
      case btfKind.enum:
      case btfKind.enum64:
        return `enum ${name}`;
      case btfKind.forward:
        return `${this.#kindFlag(id) ? 'union' : 'struct'} ${name}`;
      default:
        return name;
    }
  }

  #skipModifiers(id: TypeId): TypeId {
    for (let hop = 0; hop < maximumHops && isModifier(this.kindOf(id)); hop++) id = this.#sizeOrType(id);
    return id;
  }

  /** Looks into anonymous members too. `base` is the bit offset of the struct; the result counts from there. */
  #findMember(struct: TypeId, name: string, base: number, depth: number): BtfMember | undefined {
    const type = this.resolve(struct);
    if (!isComposite(this.kindOf(type)) || depth > maximumHops) return undefined;
    for (const member of this.members(type)) {
      const bitOffset = base + member.bitOffset;
      if (member.name === name) return { ...member, bitOffset, offset: bitOffset >>> 3 };
      const inside = member.name === '' ? this.#findMember(member.type, name, bitOffset, depth + 1) : undefined;
      if (inside !== undefined) return inside;
    }
    return undefined;
  }

  #findRawTracepoint(event: string): TypeId | undefined {
    return this.findTypedef(`${rawTracepointPrefix}${event}`);
  }

  #find(name: string, accept: (kind: number) => boolean): TypeId | undefined {
    return this.#names.find(name, (id) => accept(this.kindOf(id)));
  }

  #vlen(id: TypeId): number {
    return this.#word(id, 1) & 0xffff;
  }

  #kindFlag(id: TypeId): boolean {
    return this.#word(id, 1) >>> 31 === 1;
  }

  #sizeOrType(id: TypeId): number {
    return this.#word(id, 2);
  }

  #word(id: TypeId, index: number): number {
    if (id === 0) return 0;
    const start = this.#starts[id];
    if (start === undefined) throw new RangeError(`BTF type ${id} does not exist: the last is ${this.typeCount}`);
    return this.#words[start + index]!;
  }

  #string(offset: number): string {
    if (offset === 0) return '';
    const end = this.#strings.indexOf(0, offset);
    return this.#strings.toString('latin1', offset, end);
  }
}

const rawTracepointPrefix = 'btf_trace_';

/** More than any chain of typedefs or nesting of anonymous structs in a kernel; ends circles in damaged files. */
const maximumHops = 64;

function isModifier(kind: number): boolean {
  return kind === btfKind.const || kind === btfKind.volatile || kind === btfKind.restrict || kind === btfKind.typeTag;
}

function isComposite(kind: number): boolean {
  return kind === btfKind.struct || kind === btfKind.union;
}

/** `char` and `[16]` are written together, everything else with a space. */
function joinDeclarator(base: string, inner: string): string {
  if (inner === '') return base;
  return inner.startsWith('[') ? `${base}${inner}` : `${base} ${inner}`;
}

import { btfHeaderBytes, btfKind, btfMagic, btfVersion, intSigned } from './btf-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { StringTable } from './string-table.ts';

export interface StructField {
  readonly name: string;
  readonly type: number;
  /** Byte offset. */
  readonly offset: number;
}

export interface SectionVariable {
  readonly variable: number;
  readonly offset: number;
  readonly size: number;
}

/** Writes a `.BTF` section. Every method adds one type and returns its id; 0 is void. */
export class BtfBuilder {
  readonly strings = new StringTable();
  readonly #types = new ByteWriter();
  #nextId = 1;

  int(name: string, size: number, signed: boolean): number {
    const id = this.#type(name, btfKind.int, 0, size);
    this.#types.u32(((signed ? intSigned : 0) << 24) | (size * 8));
    return id;
  }

  pointer(target: number): number {
    return this.#type('', btfKind.pointer, 0, target);
  }

  array(element: number, index: number, count: number): number {
    const id = this.#type('', btfKind.array, 0, 0);
    this.#types.u32(element).u32(index).u32(count);
    return id;
  }

  struct(name: string, size: number, fields: readonly StructField[]): number {
    const id = this.#type(name, btfKind.struct, fields.length, size);
    for (const field of fields)
      this.#types
        .u32(this.strings.add(field.name))
        .u32(field.type)
        .u32(field.offset * 8);
    return id;
  }

  prototype(returns: number, parameters: readonly { readonly name: string; readonly type: number }[]): number {
    const id = this.#type('', btfKind.funcProto, parameters.length, returns);
    for (const { name, type } of parameters) this.#types.u32(this.strings.add(name)).u32(type);
    return id;
  }

  /** `linkage` is one of `btfLinkage`. */
  func(name: string, prototype: number, linkage: number): number {
    return this.#type(name, btfKind.func, linkage, prototype);
  }

  /** `linkage` is one of `btfLinkage`. */
  variable(name: string, type: number, linkage: number): number {
    const id = this.#type(name, btfKind.variable, 0, type);
    this.#types.u32(linkage);
    return id;
  }

  dataSection(name: string, size: number, variables: readonly SectionVariable[]): number {
    const id = this.#type(name, btfKind.dataSection, variables.length, size);
    for (const { variable, offset, size } of variables) this.#types.u32(variable).u32(offset).u32(size);
    return id;
  }

  finish(): Uint8Array {
    const types = this.#types.finish();
    const strings = this.strings.finish();
    const writer = new ByteWriter().u16(btfMagic).u8(btfVersion).u8(0).u32(btfHeaderBytes);
    writer.u32(0).u32(types.length).u32(types.length).u32(strings.length);
    return writer.bytes(types).bytes(strings).finish();
  }

  #type(name: string, kind: number, vlen: number, sizeOrType: number): number {
    this.#types
      .u32(this.strings.add(name))
      .u32((kind << 24) | vlen)
      .u32(sizeOrType);
    return this.#nextId++;
  }
}

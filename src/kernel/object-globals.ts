import { type Address, btfFindByNameKind, btfNameByOffset, btfTypeById, readWords } from './libbpf.ts';

/** A global variable of a BPF object. */
export interface GlobalVariable {
  /** `.rodata`, `.data` or `.bss`: the name of the map that holds it. */
  readonly section: string;
  /** Byte offset and size in that map's one value. */
  readonly offset: number;
  readonly size: number;
}

const SECTIONS: readonly string[] = ['.rodata', '.data', '.bss'];
const BTF_KIND_DATASEC = 15;
/** `struct btf_type` is three words; each variable of a DATASEC follows as {type, offset, size}. */
const TYPE_WORDS = 3;

/** Finds a global variable by name in an opened object's BTF, whose offsets libbpf has filled in. */
export function findGlobal(btf: Address, name: string): GlobalVariable | undefined {
  return SECTIONS.map((section) => findInSection(btf, section, name)).find((found) => found !== undefined);
}

function findInSection(btf: Address, section: string, name: string): GlobalVariable | undefined {
  const id = btfFindByNameKind(btf, section, BTF_KIND_DATASEC);
  const words = id > 0 ? sectionWords(btf, id) : new Uint32Array(0);
  for (let at = TYPE_WORDS; at < words.length; at += TYPE_WORDS) {
    if (variableName(btf, words[at]!) === name) {
      return { section, offset: words[at + 1]!, size: words[at + 2]! };
    }
  }
  return undefined;
}

function sectionWords(btf: Address, id: number): Uint32Array {
  const type = btfTypeById(btf, id)!;
  const count = readWords(type, TYPE_WORDS)[1]! & 0xffff;
  return readWords(type, TYPE_WORDS * (count + 1));
}

function variableName(btf: Address, id: number): string {
  const type = btfTypeById(btf, id);
  return type === null ? '' : btfNameByOffset(btf, readWords(type, 1)[0]!);
}

import { elfHeaderBytes, elfMagic, sectionHeaderBytes, symbolBytes } from './elf-format.ts';

export interface ElfSectionView {
  readonly name: string;
  /** A view of the same memory. */
  readonly bytes: Uint8Array;
}

/** A symbol as it stands in the table. */
export interface ElfSymbolEntry {
  readonly name: string;
  /** One of `symbolType`, or `sectionSymbol`. */
  readonly type: number;
  /** Index of the section it is defined in. */
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

/** Type of a section that is all zeros and takes no room in the file: `.bss`. */
const noBits = 8;
/** Type of a symbol that stands for a section. */
export const sectionSymbol = 3;

/**
 * The sections of a 64-bit little-endian ELF file by index; the first is empty, and so are those without bytes. Throws when the bytes are not such a
 * file or are cut.
 */
export function readElfSections(elf: Uint8Array): ElfSectionView[] {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < elfHeaderBytes || view.getUint32(0, true) !== elfMagic) throw new Error('not an ELF file');
  if (elf[4] !== 2 || elf[5] !== 1) throw new Error('not a 64-bit little-endian ELF file');
  const headersOffset = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  if (headersOffset + count * sectionHeaderBytes > elf.length) throw new Error('ELF file is cut: no section headers');
  if (count === 0) return [];
  const header = (index: number) => headersOffset + index * sectionHeaderBytes;
  const content = (index: number) => {
    const offset = Number(view.getBigUint64(header(index) + 24, true));
    const size = Number(view.getBigUint64(header(index) + 32, true));
    if (offset + size > elf.length) throw new Error(`ELF file is cut: section ${index} ends at byte ${offset + size}`);
    return elf.subarray(offset, offset + size);
  };
  const names = content(view.getUint16(62, true));
  return Array.from({ length: count }, (_, index) => ({
    name: readString(names, view.getUint32(header(index), true)),
    bytes: view.getUint32(header(index) + 4, true) === noBits || index === 0 ? new Uint8Array(0) : content(index),
  }));
}

/** The content of a section, as a view of the same memory; undefined when there is no such section. Throws as above. */
export function readElfSection(elf: Uint8Array, name: string): Uint8Array | undefined {
  return readElfSections(elf).find((section, index) => index > 0 && section.name === name)?.bytes;
}

/** Names are in the section `.strtab`, as LLVM writes it. */
export function readElfSymbols(sections: readonly ElfSectionView[]): ElfSymbolEntry[] {
  const bytesOf = (wanted: string) => sections.find(({ name }) => name === wanted)?.bytes ?? new Uint8Array(0);
  const [table, names] = [bytesOf('.symtab'), bytesOf('.strtab')];
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return Array.from({ length: table.length / symbolBytes }, (_, index) => {
    const at = index * symbolBytes;
    return {
      name: readString(names, view.getUint32(at, true)),
      type: view.getUint8(at + 4) & 0x0f,
      section: view.getUint16(at + 6, true),
      value: Number(view.getBigUint64(at + 8, true)),
      size: Number(view.getBigUint64(at + 16, true)),
    };
  });
}

function readString(table: Uint8Array, offset: number): string {
  const end = table.indexOf(0, offset);
  return Buffer.from(table.buffer, table.byteOffset, table.byteLength).toString('latin1', offset, end);
}

import { ByteWriter } from './byte-writer.ts';
import {
  elfHeaderBytes,
  elfMagic,
  machineBpf,
  relocationBytes,
  sectionFlag,
  sectionHeaderBytes,
  sectionType,
  symbolBinding,
  symbolBytes,
  typeRelocatable,
} from './elf-format.ts';
import { StringTable } from './string-table.ts';

export interface ElfSymbol {
  readonly name: string;
  /** Name of the section it is defined in; absent: defined in another object. */
  readonly section?: string;
  readonly binding: number;
  readonly type: number;
  /** Byte offset in its section. */
  readonly value: number;
  readonly size: number;
}

export interface ElfRelocation {
  /** Byte offset in the section. */
  readonly offset: number;
  readonly type: number;
  readonly symbol: ElfSymbol;
}

export interface ElfSection {
  readonly name: string;
  readonly flags: number;
  readonly alignment: number;
  readonly bytes: Uint8Array;
  readonly relocations?: readonly ElfRelocation[];
}

interface RawSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly alignment: number;
  readonly bytes: Uint8Array;
  readonly link?: number;
  readonly info?: number;
  readonly entryBytes?: number;
}

/**
 * A relocatable BPF object. The order in the file is: given sections, each followed by its `.rel` section, symbol table
 * (local symbols first, as ELF wants), and one string table for symbols and sections as LLVM writes it.
 */
export function writeElf(sections: readonly ElfSection[], symbols: readonly ElfSymbol[]): Uint8Array {
  const ordered = [...symbols].sort((a, b) => a.binding - b.binding);
  const relocated = sections.filter(hasRelocations).length;
  const symbolTableIndex = 1 + sections.length + relocated;
  const strings = new StringTable();
  const raw: RawSection[] = [];
  const sectionIndexes = new Map<string, number>();
  for (const section of sections) {
    raw.push({ ...section, type: sectionType.programBits });
    sectionIndexes.set(section.name, raw.length);
    if (hasRelocations(section)) raw.push(relocationSection(section, ordered, raw.length, symbolTableIndex));
  }
  raw.push(symbolTable(ordered, sectionIndexes, strings, symbolTableIndex + 1));
  for (const { name } of raw) strings.add(name);
  strings.add('.strtab');
  raw.push({ name: '.strtab', type: sectionType.stringTable, flags: 0, alignment: 1, bytes: strings.finish() });
  return writeFile(raw, strings);
}

function hasRelocations(section: ElfSection): boolean {
  return section.relocations !== undefined && section.relocations.length > 0;
}

function relocationSection(
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  sectionIndex: number,
  symbolTableIndex: number,
): RawSection {
  const symbolIndexes = new Map(symbols.map((symbol, index) => [symbol, index + 1]));
  const writer = new ByteWriter();
  for (const { offset, type, symbol } of section.relocations ?? []) {
    writer.u64(offset).u32(type).u32(symbolIndexes.get(symbol)!);
  }
  return {
    name: `.rel${section.name}`,
    type: sectionType.relocations,
    flags: sectionFlag.infoLink,
    alignment: 8,
    bytes: writer.finish(),
    link: symbolTableIndex,
    info: sectionIndex,
    entryBytes: relocationBytes,
  };
}

function symbolTable(
  symbols: readonly ElfSymbol[],
  sectionIndexes: ReadonlyMap<string, number>,
  strings: StringTable,
  stringTableIndex: number,
): RawSection {
  const writer = new ByteWriter().bytes(new Uint8Array(symbolBytes));
  for (const { name, section, binding, type, value, size } of symbols) {
    const index = section === undefined ? 0 : sectionIndexes.get(section)!;
    writer
      .u32(strings.add(name))
      .u8((binding << 4) | type)
      .u8(0)
      .u16(index)
      .u64(value)
      .u64(size);
  }
  const localCount = symbols.filter(({ binding }) => binding === symbolBinding.local).length;
  return {
    name: '.symtab',
    type: sectionType.symbolTable,
    flags: 0,
    alignment: 8,
    bytes: writer.finish(),
    link: stringTableIndex,
    info: localCount + 1,
    entryBytes: symbolBytes,
  };
}

function writeFile(sections: readonly RawSection[], strings: StringTable): Uint8Array {
  const body = new ByteWriter().bytes(new Uint8Array(elfHeaderBytes));
  const headers = new ByteWriter().bytes(new Uint8Array(sectionHeaderBytes));
  for (const section of sections) {
    const offset = body.align(section.alignment).length;
    body.bytes(section.bytes);
    headers.u32(strings.add(section.name)).u32(section.type).u64(section.flags).u64(0);
    headers
      .u64(offset)
      .u64(section.bytes.length)
      .u32(section.link ?? 0)
      .u32(section.info ?? 0);
    headers.u64(section.alignment).u64(section.entryBytes ?? 0);
  }
  const headersOffset = body.align(8).length;
  const file = body.bytes(headers.finish()).finish();
  file.set(elfHeader(headersOffset, sections.length + 1));
  return file;
}

/** The string table is the last section. */
function elfHeader(sectionHeadersOffset: number, sectionCount: number): Uint8Array {
  const class64 = 2;
  const littleEndian = 1;
  const version = 1;
  const writer = new ByteWriter().u32(elfMagic).u8(class64).u8(littleEndian).u8(version).align(16);
  writer.u16(typeRelocatable).u16(machineBpf).u32(version).u64(0).u64(0).u64(sectionHeadersOffset).u32(0);
  writer
    .u16(elfHeaderBytes)
    .u16(0)
    .u16(0)
    .u16(sectionHeaderBytes)
    .u16(sectionCount)
    .u16(sectionCount - 1);
  return writer.finish();
}

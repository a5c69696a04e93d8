import { elfHeaderBytes, elfMagic, sectionHeaderBytes, sectionType, symbolBytes, symbolType } from './elf-format.ts';
import { decodeInstructions, slotBytes } from './encode.ts';
import type { Instruction } from './instruction.ts';
import { callOpcode, loadImmediate64, pseudoCall } from './opcodes.ts';

/** A function of an object that clang or our own writer made. */
export interface ObjectFunction {
  readonly name: string;
  readonly instructions: readonly ObjectInstruction[];
}

/** Calls of functions and addresses of maps carry the name as relocation; loads of a function's address the function. */
export interface ObjectInstruction extends Instruction {
  /** Name of the function whose address is loaded: what `bpf_loop` calls. */
  readonly callback?: string;
  /** The bytes of the constant (`.rodata`) whose address is loaded, as they are before anybody sets them. */
  readonly constant?: Uint8Array;
}

/** The functions of a relocatable BPF object by name, hidden and static ones included. Throws when the bytes are no ELF file. */
export function readObjectFunctions(elf: Uint8Array): Map<string, ObjectFunction> {
  const file = new ElfFile(elf);
  const functions = new Map<string, ObjectFunction>();
  for (const section of file.codeSections()) {
    const instructions = resolveCalls(file, section);
    for (const symbol of file.symbols) {
      if (symbol.section !== section || symbol.type !== symbolType.function) continue;
      const start = symbol.value / slotBytes;
      const code = instructions.slice(start, start + symbol.size / slotBytes);
      functions.set(symbol.name, { name: symbol.name, instructions: code });
    }
  }
  return functions;
}

function resolveCalls(file: ElfFile, section: number): ObjectInstruction[] {
  const relocations = file.relocationsOf(section);
  return decodeInstructions(file.content(section)).map((instruction, index) => {
    const symbol = relocations.get(index * slotBytes);
    if (instruction.opcode === callOpcode) {
      const callee = calleeOf(file, section, instruction, index, symbol);
      return callee === undefined ? instruction : { ...instruction, relocation: { kind: 'call', symbol: callee } };
    }
    if (instruction.opcode !== loadImmediate64 || symbol === undefined) return instruction;
    const callback = symbol.isCode ? file.functionAt(symbol.section, symbol.value + instruction.imm) : undefined;
    if (callback !== undefined) return { ...instruction, callback };
    const constant = file.constantAt(symbol.section, symbol.value + instruction.imm);
    const named: ObjectInstruction = { ...instruction, relocation: { kind: 'map', symbol: symbol.name } };
    return constant === undefined ? named : { ...named, constant };
  });
}

/** Undefined for a helper of the kernel. A static function is called by its distance, with or without a relocation. */
function calleeOf(
  file: ElfFile,
  section: number,
  { src, imm }: Instruction,
  index: number,
  symbol: ElfSymbolRecord | undefined,
): string | undefined {
  if (symbol !== undefined && symbol.name !== '') return symbol.name;
  if (symbol !== undefined) return file.functionAt(symbol.section, (imm + 1) * slotBytes);
  return src === pseudoCall ? file.functionAt(section, (index + 1 + imm) * slotBytes) : undefined;
}

interface ElfSymbolRecord {
  readonly name: string;
  readonly section: number;
  readonly type: number;
  readonly value: number;
  readonly size: number;
  /** It stands for code: a function, or a section that has some. */
  readonly isCode: boolean;
}

const executable = 4n;
const sectionSymbol = 3;
const relocationEntryBytes = 16;

class ElfFile {
  readonly symbols: readonly ElfSymbolRecord[];
  readonly #elf: Uint8Array;
  readonly #view: DataView;
  readonly #headers: number;
  readonly #count: number;

  constructor(elf: Uint8Array) {
    this.#elf = elf;
    this.#view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
    if (elf.length < elfHeaderBytes || this.#view.getUint32(0, true) !== elfMagic) throw new Error('not an ELF file');
    this.#headers = Number(this.#view.getBigUint64(40, true));
    this.#count = this.#view.getUint16(60, true);
    this.symbols = this.#readSymbols();
  }

  codeSections(): number[] {
    return this.#sections().filter(
      (index) => this.#kind(index) === sectionType.programBits && this.#isExecutable(index),
    );
  }

  content(section: number): Uint8Array {
    const offset = Number(this.#view.getBigUint64(this.#header(section) + 24, true));
    const size = Number(this.#view.getBigUint64(this.#header(section) + 32, true));
    return this.#elf.subarray(offset, offset + size);
  }

  /** By byte offset in the section. */
  relocationsOf(section: number): Map<number, ElfSymbolRecord> {
    const found = new Map<number, ElfSymbolRecord>();
    for (const index of this.#sections()) {
      const target = this.#view.getUint32(this.#header(index) + 44, true);
      if (this.#kind(index) !== sectionType.relocations || target !== section) continue;
      const bytes = this.content(index);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length; at += relocationEntryBytes) {
        found.set(Number(view.getBigUint64(at, true)), this.symbols[view.getUint32(at + 12, true)]!);
      }
    }
    return found;
  }

  functionAt(section: number, offset: number): string | undefined {
    return this.symbols.find(
      ({ type, section: of, value }) => type === symbolType.function && of === section && value === offset,
    )?.name;
  }

  constantAt(section: number, offset: number): Uint8Array | undefined {
    return section > 0 && section < this.#count && this.#name(section).startsWith('.rodata')
      ? this.content(section).subarray(offset)
      : undefined;
  }

  #name(section: number): string {
    const names = this.content(this.#view.getUint16(62, true));
    return textAt(names, this.#view.getUint32(this.#header(section), true));
  }

  #readSymbols(): ElfSymbolRecord[] {
    const table = this.#sections().find((index) => this.#kind(index) === sectionType.symbolTable);
    if (table === undefined) return [];
    const names = this.content(this.#view.getUint32(this.#header(table) + 40, true));
    const bytes = this.content(table);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / symbolBytes }, (_, index) => {
      const at = index * symbolBytes;
      const section = view.getUint16(at + 6, true);
      const type = bytes[at + 4]! & 0xf;
      const holdsCode = section > 0 && section < this.#count && this.#isExecutable(section);
      return {
        name: textAt(names, view.getUint32(at, true)),
        section,
        type,
        value: Number(view.getBigUint64(at + 8, true)),
        size: Number(view.getBigUint64(at + 16, true)),
        isCode: holdsCode && (type === symbolType.function || type === sectionSymbol),
      };
    });
  }

  #sections(): number[] {
    return Array.from({ length: Math.max(this.#count - 1, 0) }, (_, index) => index + 1);
  }

  #header(section: number): number {
    return this.#headers + section * sectionHeaderBytes;
  }

  #kind(section: number): number {
    return this.#view.getUint32(this.#header(section) + 4, true);
  }

  #isExecutable(section: number): boolean {
    return (this.#view.getBigUint64(this.#header(section) + 8, true) & executable) !== 0n;
  }
}

function textAt(table: Uint8Array, offset: number): string {
  const end = table.indexOf(0, offset);
  return Buffer.from(table.buffer, table.byteOffset, table.byteLength).toString('latin1', offset, end);
}

import { relocationBytes, symbolType } from './elf-format.ts';
import {
  type ElfSectionView,
  type ElfSymbolEntry,
  readElfSections,
  readElfSymbols,
  sectionSymbol,
} from './elf-reader.ts';
import { slotBytes } from './encode.ts';
import { callOpcode, loadImmediate64, pseudoCall } from './opcodes.ts';

const codeSection = '.text';
/** In the header of `.BTF.ext`: its length, and offset and length of the part with CO-RE relocations. */
const headerLengthAt = 4;
const partOffsetAt = 24;
const partLengthAt = 28;

/**
 * A copy of an object that keeps only the CO-RE relocations of the functions `names` and of all that they call: for
 * each kernel structure that one of them refers to, libbpf reads through all types of the kernel, although it loads
 * none of the other functions.
 */
export function keepCoreRelocations(object: Uint8Array, names: Iterable<string>): Uint8Array {
  const copy = new Uint8Array(object);
  const sections = readElfSections(copy);
  const code = sections.findIndex(({ name }) => name === codeSection);
  const ext = sections.find(({ name }) => name === '.BTF.ext');
  const types = sections.find(({ name }) => name === '.BTF');
  if (code < 0 || ext === undefined || types === undefined) return copy;
  const functions = reachableFunctions(sections, code, names);
  const isKept = (offset: number) => functions.some(({ value, size }) => offset >= value && offset < value + size);
  filterRelocations(ext.bytes, types.bytes, isKept);
  return copy;
}

function reachableFunctions(
  sections: readonly ElfSectionView[],
  code: number,
  names: Iterable<string>,
): ElfSymbolEntry[] {
  const symbols = readElfSymbols(sections);
  const functions = symbols.filter(({ type, section }) => type === symbolType.function && section === code);
  const references = findReferences(sections, code, symbols);
  const wanted = new Set(names);
  const pending = functions.filter(({ name }) => wanted.has(name));
  const reached = new Set(pending);
  for (let fn = pending.pop(); fn !== undefined; fn = pending.pop()) {
    const { value, size } = fn;
    for (const { from, to } of references) {
      if (from < value || from >= value + size) continue;
      const target = functions.find((other) => to >= other.value && to < other.value + other.size);
      if (target === undefined || reached.has(target)) continue;
      reached.add(target);
      pending.push(target);
    }
  }
  return [...reached];
}

/** An instruction, and the one it calls or takes the address of: byte offsets in the code section. */
interface Reference {
  readonly from: number;
  readonly to: number;
}

function findReferences(
  sections: readonly ElfSectionView[],
  code: number,
  symbols: readonly ElfSymbolEntry[],
): Reference[] {
  const text = viewOf(sections[code]!.bytes);
  const relocations = sections.find(({ name }) => name === `.rel${codeSection}`)?.bytes ?? new Uint8Array(0);
  const view = viewOf(relocations);
  const references: Reference[] = [];
  const relocated = new Set<number>();
  for (let at = 0; at < relocations.length; at += relocationBytes) {
    const from = Number(view.getBigUint64(at, true));
    relocated.add(from);
    const symbol = symbols[view.getUint32(at + 12, true)]!;
    if (symbol.section !== code) continue;
    const isCall = text.getUint8(from) === callOpcode;
    const immediate = text.getInt32(from + 4, true);
    /* A section stands for its start: the instruction says how far behind it. */
    const distance = isCall ? (immediate + 1) * slotBytes : immediate;
    references.push({ from, to: symbol.value + (symbol.type === sectionSymbol ? distance : 0) });
  }
  for (let from = 0; from < text.byteLength; from += slotBytes) {
    const opcode = text.getUint8(from);
    const isLocalCall = opcode === callOpcode && text.getUint8(from + 1) >> 4 === pseudoCall && !relocated.has(from);
    if (isLocalCall) references.push({ from, to: from + (1 + text.getInt32(from + 4, true)) * slotBytes });
    if (opcode === loadImmediate64) from += slotBytes;
  }
  return references;
}

/** Moves the records that are kept together; what lies behind them is not part of the section's content any more. */
function filterRelocations(ext: Uint8Array, types: Uint8Array, isKept: (offset: number) => boolean): void {
  const view = viewOf(ext);
  const start = view.getUint32(headerLengthAt, true) + view.getUint32(partOffsetAt, true);
  const end = start + view.getUint32(partLengthAt, true);
  if (start === end) return;
  const recordBytes = view.getUint32(start, true);
  let to = start + 4;
  for (let at = start + 4; at < end; ) {
    const [name, count] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const isCode = nameIn(types, name) === codeSection;
    const header = to;
    let kept = 0;
    to += 8;
    at += 8;
    for (let index = 0; index < count; index++, at += recordBytes) {
      if (isCode && !isKept(view.getUint32(at, true))) continue;
      ext.copyWithin(to, at, at + recordBytes);
      to += recordBytes;
      kept++;
    }
    view.setUint32(header, name, true);
    view.setUint32(header + 4, kept, true);
    /* libbpf refuses a list without records. */
    if (kept === 0) to = header;
  }
  view.setUint32(partLengthAt, to === start + 4 ? 0 : to - start, true);
}

/** A string of a `.BTF` section, whose header says where its strings start. */
function nameIn(types: Uint8Array, offset: number): string {
  const view = viewOf(types);
  const strings = view.getUint32(4, true) + view.getUint32(16, true);
  const end = types.indexOf(0, strings + offset);
  return Buffer.from(types.buffer, types.byteOffset, types.byteLength).toString('latin1', strings + offset, end);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

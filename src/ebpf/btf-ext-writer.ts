import { btfHeaderBytes, btfMagic, btfVersion } from './btf-format.ts';
import { ByteWriter } from './byte-writer.ts';
import { slotBytes } from './encode.ts';
import type { BuiltFunction, SourceLine } from './instruction.ts';
import type { StringTable } from './string-table.ts';

/** A function placed in a section. */
export interface PlacedFunction {
  readonly function: BuiltFunction;
  /** Byte offset in its section. */
  readonly offset: number;
  /** BTF id of its FUNC type. */
  readonly type: number;
}

export interface CodeSection {
  readonly name: string;
  /** In order of offsets. */
  readonly functions: readonly PlacedFunction[];
}

const functionRecordBytes = 8;
const lineRecordBytes = 16;
/** Columns are the low 10 bits of a line number record. */
const lineShift = 10;
const maximumLine = 2 ** (32 - lineShift) - 1;

/**
 * The `.BTF.ext` section: one function record per function, and a line record for its first instruction and for each
 * instruction whose source differs from the one before (for the kernel a record holds until the next). Instructions
 * without a source are attributed to line 1 of `defaultSource`, with the function's name as text.
 */
export function writeBtfExt(sections: readonly CodeSection[], strings: StringTable, defaultSource: string): Uint8Array {
  const functions = new ByteWriter().u32(functionRecordBytes);
  const lines = new ByteWriter().u32(lineRecordBytes);
  for (const section of sections) {
    functions.u32(strings.add(section.name)).u32(section.functions.length);
    for (const { offset, type } of section.functions) functions.u32(offset).u32(type);
    const records = section.functions.flatMap((placed) => lineRecords(placed, defaultSource));
    lines.u32(strings.add(section.name)).u32(records.length);
    for (const { offset, source } of records) writeLineRecord(lines, offset, source, strings);
  }
  const writer = new ByteWriter().u16(btfMagic).u8(btfVersion).u8(0).u32(btfHeaderBytes);
  writer.u32(0).u32(functions.length).u32(functions.length).u32(lines.length);
  return writer.bytes(functions.finish()).bytes(lines.finish()).finish();
}

interface LineRecord {
  readonly offset: number;
  readonly source: SourceLine;
}

function lineRecords({ function: fn, offset }: PlacedFunction, defaultSource: string): LineRecord[] {
  const ownSource: SourceLine = { file: defaultSource, line: 1, text: `${fn.name}()` };
  const records: LineRecord[] = [];
  let previous: SourceLine | undefined;
  for (const [index, source = ownSource] of fn.sources.entries()) {
    if (previous !== undefined && sameLine(previous, source)) continue;
    records.push({ offset: offset + index * slotBytes, source });
    previous = source;
  }
  return records;
}

function sameLine(a: SourceLine, b: SourceLine): boolean {
  return a === b || (a.line === b.line && a.file === b.file && a.text === b.text);
}

function writeLineRecord(writer: ByteWriter, offset: number, source: SourceLine, strings: StringTable): void {
  const line = Math.min(source.line, maximumLine);
  writer
    .u32(offset)
    .u32(strings.add(source.file))
    .u32(strings.add(source.text))
    .u32((line << lineShift) >>> 0);
}

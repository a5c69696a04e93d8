import { elfHeaderBytes, elfMagic, sectionHeaderBytes } from './elf-format.ts';

/**
 * The content of a section of a 64-bit little-endian ELF file, as a view of the same memory; undefined when there is no
 * such section. Throws when the bytes are not such a file or are cut.
 */
export function readElfSection(elf: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  if (elf.length < elfHeaderBytes || view.getUint32(0, true) !== elfMagic) throw new Error('not an ELF file');
  if (elf[4] !== 2 || elf[5] !== 1) throw new Error('not a 64-bit little-endian ELF file');
  const headersOffset = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  if (headersOffset + count * sectionHeaderBytes > elf.length) throw new Error('ELF file is cut: no section headers');
  const header = (index: number) => headersOffset + index * sectionHeaderBytes;
  const content = (index: number) => {
    const offset = Number(view.getBigUint64(header(index) + 24, true));
    const size = Number(view.getBigUint64(header(index) + 32, true));
    if (offset + size > elf.length) throw new Error(`ELF file is cut: section ${index} ends at byte ${offset + size}`);
    return elf.subarray(offset, offset + size);
  };
  if (count === 0) return undefined;
  const names = content(view.getUint16(62, true));
  for (let index = 1; index < count; index++) {
    if (readString(names, view.getUint32(header(index), true)) === name) return content(index);
  }
  return undefined;
}

function readString(table: Uint8Array, offset: number): string {
  const end = table.indexOf(0, offset);
  return Buffer.from(table.buffer, table.byteOffset, table.byteLength).toString('latin1', offset, end);
}

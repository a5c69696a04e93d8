import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { keepCoreRelocations } from './core-relocations.ts';
import { readElfSection } from './elf-reader.ts';

const runtime = readFileSync(join(import.meta.dirname, '../../build/loop/runtime.o'));

/** Records in the part of `.BTF.ext` with CO-RE relocations, of all sections. */
function countRelocations(object: Uint8Array): number {
  const ext = readElfSection(object, '.BTF.ext')!;
  const view = new DataView(ext.buffer, ext.byteOffset, ext.byteLength);
  const start = view.getUint32(4, true) + view.getUint32(24, true);
  const end = start + view.getUint32(28, true);
  if (start === end) return 0;
  const recordBytes = view.getUint32(start, true);
  let records = 0;
  for (let at = start + 4; at < end; ) {
    const count = view.getUint32(at + 4, true);
    records += count;
    at += 8 + count * recordBytes;
  }
  return records;
}

describe('keepCoreRelocations', () => {
  const all = countRelocations(runtime);
  const of = (...names: string[]) => countRelocations(keepCoreRelocations(runtime, names));

  test('keeps nothing when no function is called, or none that looks into the kernel', () => {
    expect(of()).toBe(0);
    expect(of('emit_number')).toBe(0);
  });

  test('keeps those of a function, of what it calls and of callbacks', () => {
    const sock = of('read_sock');
    const file = of('read_file');
    expect(sock).toBeGreaterThan(0);
    /* The walk, and its step that only bpf_loop calls. */
    expect(file).toBeGreaterThan(sock);
    expect(of('read_sock', 'read_file')).toBe(sock + file);
    expect(of('read_socket')).toBeGreaterThan(sock);
    expect(sock + file).toBeLessThan(all);
  });

  test('leaves the object as it is', () => {
    const before = Buffer.from(runtime);
    of('read_file');
    expect(runtime.equals(before)).toBe(true);
  });
});

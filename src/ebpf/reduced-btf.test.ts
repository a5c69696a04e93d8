import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { BtfFile } from './btf-reader.ts';
import { readElfSection } from './elf-reader.ts';
import { reduceBtf } from './reduced-btf.ts';

const kernelTypes = '/sys/kernel/btf/vmlinux';
const hasTypes = existsSync(kernelTypes);
if (!hasTypes) console.warn(`skipped: reduced BTF of this kernel: ${kernelTypes} is not there`);

const build = path.join(import.meta.dirname, '../../build');
const objects = ['runtime.o', 'process.o'].map((name) => readElfSection(readFileSync(path.join(build, name)), '.BTF')!);

test.skipIf(!hasTypes)(
  'what objects relocate against stays as it is, under the same ids; the rest has no names',
  () => {
    const bytes = readFileSync(kernelTypes);
    const [kernel, reduced] = [BtfFile.parse(bytes), BtfFile.parse(reduceBtf(bytes, objects))];
    expect(reduced.typeCount).toBe(kernel.typeCount);
    for (const name of ['file', 'dentry', 'task_struct', 'cred', 'sock']) {
      const id = kernel.findStruct(name)!;
      expect(reduced.findStruct(name)).toBe(id);
      expect(reduced.members(id)).toEqual(kernel.members(id));
      for (const { type } of kernel.members(id)) expect(reduced.sizeOf(type)).toBe(kernel.sizeOf(type));
    }
    expect(kernel.findStruct('module')).toBeDefined();
    expect(reduced.findStruct('module')).toBeUndefined();
  },
);

test('bytes that are no BTF are refused', () => {
  expect(() => reduceBtf(Buffer.from('no types'), objects)).toThrow('this is not BTF');
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BtfFile } from '../ebpf/btf-reader.ts';
import { readElfSection } from '../ebpf/elf-reader.ts';
import { type Field, type Struct, structs } from './wire.ts';

/*
 * The C compiler's opinion of the layouts, from BTF. The objects that are shipped describe only the structs that their
 * maps and functions mention, so all of them are compiled once more from the generated header, as variables.
 */
const root = join(import.meta.dirname, '..', '..');
const objects = ['process.o', 'loader.o', 'runtime.o']
  .map((name) => join(root, 'build', name))
  .filter((path) => existsSync(path));
const header = join(root, 'build', 'include', 'wire.h');
const clang = findClang();

describe('wire layouts agree with the BTF of the compiled programs', () => {
  for (const path of objects) {
    const btf = readBtf(path);
    for (const struct of structs.filter(({ name }) => btf.findStruct(name) !== undefined)) {
      test(`${struct.name} in ${path.slice(root.length + 1)}`, () => expectLayout(btf, struct));
    }
  }
  if (objects.length === 0) test.skip('build/*.o are missing: run make build', () => {});
});

describe.skipIf(clang === undefined || !existsSync(header))('wire layouts agree with the compiled wire.h', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-wire-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const compiled = clang === undefined || !existsSync(header) ? undefined : compileHeader(clang, folder);
  for (const struct of structs) {
    test(struct.name, () => expectLayout(compiled!, struct));
  }
});

function expectLayout(btf: BtfFile, struct: Struct): void {
  const members = btf.members(btf.findStruct(struct.name)!).map(({ name, offset, type }) => ({
    name,
    offset,
    size: btf.sizeOf(type),
  }));
  expect(members).toEqual(struct.fields.map(layoutOf));
  expect(btf.structSize(struct.name)).toBe(struct.size);
}

function layoutOf({ name, offset, size, count }: Field): { name: string; offset: number; size: number } {
  return { name, offset, size: size * count };
}

function readBtf(path: string): BtfFile {
  return BtfFile.parse(readElfSection(readFileSync(path), '.BTF')!);
}

function compileHeader(compiler: string, folder: string): BtfFile {
  const types = 'typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32; ';
  const more = 'typedef unsigned long long __u64; typedef int __s32; typedef long long __s64;\n';
  const variables = structs.map(({ name }) => `struct ${name} ${name}_layout;\n`);
  const source = join(folder, 'layouts.c');
  const object = join(folder, 'layouts.o');
  writeFileSync(source, `${types}${more}#include "wire.h"\n${variables.join('')}`);
  execFileSync(compiler, [
    '-target',
    'bpf',
    '-g',
    '-O2',
    '-I',
    join(root, 'build', 'include'),
    '-c',
    source,
    '-o',
    object,
  ]);
  return readBtf(object);
}

/** Undefined, with a message, when there is none: the shipped objects are compared all the same. */
function findClang(): string | undefined {
  try {
    return execFileSync(join(root, 'scripts', 'find-clang.sh'), { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    process.stderr.write('wire.h is not compiled for this test: no clang, run make setup\n');
    return undefined;
  }
}

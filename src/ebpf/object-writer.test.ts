import { describe, expect, test } from 'vitest';
import { BtfFile } from './btf-reader.ts';
import { readElfSection } from './elf-reader.ts';
import { decodeInstructions } from './encode.ts';
import { externFrom } from './extern-prototype.ts';
import { FunctionBuilder, R0, R1, R2 } from './function-builder.ts';
import { type ObjectSpec, writeObject } from './object-writer.ts';

const empty: ObjectSpec = {
  license: 'Dual BSD/GPL',
  defaultSource: 'generated',
  programs: [],
  functions: [],
  externs: [],
  maps: [],
};

const returnZero = (name: string) => new FunctionBuilder(name).movImm(R0, 0).exit().build();

function exampleObject(): ObjectSpec {
  const first = new FunctionBuilder('hook_first')
    .movImm(R2, 1)
    .callFunction('rt_read')
    .callFunction('rt_next')
    .callFunction('twice')
    .exit();
  const second = new FunctionBuilder('hook_second').loadMapPointer(R1, 'values').movImm(R0, 0).exit();
  return {
    ...empty,
    programs: [
      { section: 'lsm/file_open', function: first.build() },
      { section: 'raw_tp/sys_enter', function: returnZero('hook_other') },
      { section: 'lsm/file_open', function: second.build() },
    ],
    functions: [{ function: returnZero('twice'), parameterCount: 1 }],
    externs: [
      { name: 'rt_read', parameterCount: 2, parameters: ['pointer', 'u64'], returns: 'u64' },
      { name: 'rt_next', parameterCount: 1 },
      { name: 'rt_unused', parameterCount: 1 },
    ],
    maps: [{ name: 'values', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }],
  };
}

describe('writeObject', () => {
  const object = writeObject(exampleObject());
  const btf = BtfFile.parse(readElfSection(object, '.BTF')!);

  test('keeps programs of one section together, in order', () => {
    const code = decodeInstructions(readElfSection(object, 'lsm/file_open')!);
    expect(code.map(({ opcode }) => opcode)).toEqual([0xb7, 0x85, 0x85, 0x85, 0x95, 0x18, 0, 0xb7, 0x95]);
    expect(readElfSection(object, 'raw_tp/sys_enter')).toHaveLength(16);
    expect(readElfSection(object, '.text')).toHaveLength(16);
  });

  test('relocates calls and maps by symbol', () => {
    const view = new DataView(readElfSection(object, '.rellsm/file_open')!.slice().buffer);
    const offsets = [0, 16, 32, 48].map((entry) => [
      Number(view.getBigUint64(entry, true)),
      view.getUint32(entry + 8, true),
    ]);
    expect(offsets).toEqual([
      [8, 10],
      [16, 10],
      [24, 10],
      [40, 1],
    ]);
  });

  test('puts local symbols before global ones', () => {
    const symbols = readElfSection(object, '.symtab')!;
    const bindings = Array.from({ length: symbols.length / 24 }, (_, index) => symbols[index * 24 + 4]! >> 4);
    expect(bindings).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 1]);
  });

  test('declares functions as clang does', () => {
    const prototypes = [...btf.functions()].map(({ name, type }) => {
      const { returns, parameters } = btf.prototype(type);
      return `${btf.typeName(returns)} ${name}(${parameters.map((parameter) => btf.typeName(parameter.type)).join(', ')})`;
    });
    expect(prototypes).toEqual([
      'unsigned long long rt_read(void *, unsigned long long)',
      'unsigned long long rt_next(unsigned long long)',
      'unsigned long long twice(unsigned long long)',
      'int hook_first(unsigned long long *)',
      'int hook_other(unsigned long long *)',
      'int hook_second(unsigned long long *)',
    ]);
  });

  test('is the same for the same specification', () => {
    expect(Buffer.compare(object, writeObject(exampleObject()))).toBe(0);
  });

  test('ends the license with NUL', () => {
    expect(Buffer.from(readElfSection(object, 'license')!).toString()).toBe('Dual BSD/GPL\0');
    expect(readElfSection(object, '.missing')).toBeUndefined();
  });
});

describe('line records', () => {
  const at = (line: number) => ({ file: 'policy.yaml', line, text: `line ${line}` });

  test('one per change of line, and one at the start of every function', () => {
    const fn = new FunctionBuilder('f').movImm(R0, 1).line(at(3)).movImm(R0, 2).line(at(3)).movImm(R0, 3);
    fn.line(at(4)).loadImm64(R0, 4n).line(undefined).exit();
    const spec = { ...empty, programs: [{ section: 'raw_tp', function: fn.build() }] };
    expect(lineRecords(writeObject(spec))).toEqual([
      [0, 'generated', 'f()', 1],
      [8, 'policy.yaml', 'line 3', 3],
      [24, 'policy.yaml', 'line 4', 4],
      [40, 'generated', 'f()', 1],
    ]);
  });

  /** Of an object with one code section. */
  function lineRecords(object: Uint8Array): [offset: number, file: string, text: string, line: number][] {
    const ext = readElfSection(object, '.BTF.ext')!;
    const view = new DataView(ext.buffer, ext.byteOffset, ext.byteLength);
    const start = 24 + view.getUint32(16, true);
    const count = view.getUint32(start + 8, true);
    return Array.from({ length: count }, (_, index) => {
      const record = start + 12 + index * 16;
      const word = (field: number) => view.getUint32(record + field * 4, true);
      return [word(0), stringAt(object, word(1)), stringAt(object, word(2)), word(3) >>> 10];
    });
  }

  function stringAt(object: Uint8Array, offset: number): string {
    const btf = Buffer.from(readElfSection(object, '.BTF')!);
    const start = 24 + btf.readUInt32LE(16) + offset;
    return btf.toString('utf8', start, btf.indexOf(0, start));
  }
});

const callNobody = new FunctionBuilder('f').callFunction('nobody').exit().build();
const readNothing = new FunctionBuilder('f').loadMapPointer(R1, 'nothing').exit().build();
const callMap = new FunctionBuilder('f').callFunction('values').exit().build();
const values = { name: 'values', type: 2, keySize: 4, valueSize: 8, maxEntries: 1 };
const program = (fn: ReturnType<typeof returnZero>) => ({ programs: [{ section: 'raw_tp', function: fn }] });

test.each<[string, Partial<ObjectSpec>]>([
  ['f, instruction 0: call "nobody" is not in the object', program(callNobody)],
  ['f, instruction 0: map "nothing" is not in the object', program(readNothing)],
  ['f, instruction 0: call "values" is not in the object', { ...program(callMap), maps: [values] }],
  ['symbol "values" is defined twice in one object', { maps: [values, values] }],
  ['symbol "a-b" is not a C identifier', program(returnZero('a-b'))],
  ['function f does not end with exit or a jump', program(new FunctionBuilder('f').movImm(R0, 0).build())],
  [
    'function f: 6 parameters, at most 5 are possible',
    { functions: [{ function: returnZero('f'), parameterCount: 6 }] },
  ],
])('writeObject refuses: %s', (message, part) => {
  expect(() => writeObject({ ...empty, ...part })).toThrow(message);
});

test('externFrom reads parameter types of another object', () => {
  const object = writeObject(exampleObject());
  const btf = BtfFile.parse(readElfSection(object, '.BTF')!);
  expect(externFrom(btf, 'rt_read')).toEqual({
    name: 'rt_read',
    parameterCount: 2,
    parameters: ['pointer', 'u64'],
    returns: 'u64',
  });
  expect(externFrom(btf, 'rt_missing')).toBeUndefined();
  expect(() => externFrom(btf, 'hook_first')).toThrow('hook_first, parameter 0 is unsigned long long *');
});

test.each([
  ['text', Buffer.from('hello'), 'not an ELF file'],
  ['half a file', writeObject(empty).subarray(0, 100), 'ELF file is cut'],
])('readElfSection refuses %s', (_, bytes, message) => {
  expect(() => readElfSection(bytes, '.BTF')).toThrow(message);
});

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { BtfBuilder } from './btf-builder.ts';
import { btfLinkage } from './btf-format.ts';
import { BtfFile } from './btf-reader.ts';
import { helpers } from './helper-ids.ts';

/** struct outer { int first; union { u64 word; struct { char name[16]; } }; struct outer *next; } and a function. */
function smallBtf(): Uint8Array {
  const builder = new BtfBuilder();
  const int = builder.int('int', 4, true);
  const char = builder.int('char', 1, true);
  const u64 = builder.int('unsigned long long', 8, false);
  const name = builder.array(char, int, 16);
  const inner = builder.struct('', 16, [{ name: 'name', type: name, offset: 0 }]);
  const anonymous = builder.struct('', 24, [
    { name: 'word', type: u64, offset: 0 },
    { name: '', type: inner, offset: 8 },
  ]);
  const pointer = builder.pointer(7 + 1);
  const outer = builder.struct('outer', 40, [
    { name: 'first', type: int, offset: 0 },
    { name: '', type: anonymous, offset: 8 },
    { name: 'next', type: pointer, offset: 32 },
  ]);
  const callback = builder.pointer(builder.prototype(0, [{ name: '', type: pointer }]));
  const prototype = builder.prototype(int, [
    { name: 'object', type: builder.pointer(outer) },
    { name: 'callback', type: callback },
    { name: 'names', type: builder.pointer(name) },
    { name: '', type: 0 },
  ]);
  builder.func('visit', prototype, btfLinkage.static);
  return builder.finish();
}

describe('BtfFile on a small file', () => {
  const btf = BtfFile.parse(smallBtf());

  test('memberPath goes through anonymous members', () => {
    expect(btf.memberPath('outer', 'name')).toMatchObject({ offset: 16, size: 16, bitSize: 0 });
    expect(btf.memberPath('outer', 'next')).toMatchObject({ offset: 32, size: 8 });
    expect(btf.structSize('outer')).toBe(40);
  });

  test.each([
    ['outer', 'missing'],
    ['outer', 'next.first'],
    ['outer', 'first.deeper'],
    ['missing', 'first'],
    ['out', 'first'],
  ])('memberPath of %s.%s is undefined', (struct, path) => {
    expect(btf.memberPath(struct, path)).toBeUndefined();
  });

  test('prototypeOf spells types as C does', () => {
    const prototype = btf.prototypeOf('visit')!;
    expect(btf.typeName(prototype.returns)).toBe('int');
    expect(prototype.variadic).toBe(true);
    expect(prototype.parameters.map(({ name, type }) => [name, btf.typeName(type)])).toEqual([
      ['object', 'struct outer *'],
      ['callback', 'void (*)(struct outer *)'],
      ['names', 'char (*)[16]'],
    ]);
    expect(btf.prototypeOf('outer')).toBeUndefined();
  });

  test('functions lists names and prototypes', () => {
    const [visit, ...rest] = btf.functions();
    expect(rest).toEqual([]);
    expect(visit!.name).toBe('visit');
    expect(btf.prototype(visit!.type).parameters).toHaveLength(3);
  });

  test('an id that does not exist is an error', () => {
    expect(() => btf.typeName(999)).toThrow(`BTF type 999 does not exist: the last is ${btf.typeCount}`);
  });
});

test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
  ['nothing', () => new Uint8Array(0), 'BTF of 0 bytes has no header'],
  ['another magic', (bytes) => bytes.with(0, 0), 'BTF magic is 0xeb00, not 0xeb9f'],
  ['another version', (bytes) => bytes.with(2, 9), 'BTF version 9 is not supported'],
  ['half a file', (bytes) => bytes.subarray(0, bytes.length / 2), 'is cut: its header promises more'],
  ['an unknown kind', (bytes) => bytes.with(24 + 7, 31), 'BTF type 1 has unknown kind 31'],
])('BtfFile.parse refuses %s', (_, damage, message) => {
  expect(() => BtfFile.parse(damage(smallBtf()))).toThrow(message);
});

test('damaged files end in a result or an Error, never in a loop', () => {
  const original = smallBtf();
  let state = 1;
  const random = (limit: number) => {
    state = Math.imul(state, 1103515245) + 12345;
    return (state >>> 8) % limit;
  };
  for (let round = 0; round < 2000; round++) {
    const bytes = original.slice();
    for (let count = 0; count < 3; count++) bytes[24 + random(bytes.length - 24)] = random(256);
    try {
      const btf = BtfFile.parse(bytes);
      for (const { type } of btf.functions()) btf.typeName(type);
      btf.memberPath('outer', 'name');
      for (let id = 1; id <= btf.typeCount; id++) btf.sizeOf(id);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
  }
});

const kernelBtf = '/sys/kernel/btf/vmlinux';

describe.skipIf(!existsSync(kernelBtf))(`BtfFile on ${kernelBtf} (needs CONFIG_DEBUG_INFO_BTF)`, () => {
  const bytes = existsSync(kernelBtf) ? readFileSync(kernelBtf) : new Uint8Array(0);
  const btf = bytes.length > 0 ? BtfFile.parse(bytes) : undefined!;

  test('parses and finds a function in well under 200 ms', () => {
    const start = performance.now();
    expect(BtfFile.parse(bytes).prototypeOf('security_file_open')).toBeDefined();
    expect(performance.now() - start).toBeLessThan(200);
  });

  test('finds members through embedded structs', () => {
    const path = btf.memberPath('file', 'f_path')!;
    const dentry = btf.memberPath('file', 'f_path.dentry')!;
    expect(btf.typeName(dentry.type)).toBe('struct dentry *');
    expect(dentry.offset).toBe(path.offset + btf.memberPath('path', 'dentry')!.offset);
    expect(btf.memberPath('sock', '__sk_common.skc_daddr')).toMatchObject({ offset: 0, size: 4 });
    expect(btf.typeName(btf.memberPath('task_struct', 'comm')!.type)).toBe('char[16]');
  });

  test('finds bit fields', () => {
    expect(btf.memberPath('sk_buff', 'pkt_type')).toMatchObject({ bitSize: 3 });
  });

  test('knows prototypes', () => {
    const open = btf.prototypeOf('security_file_open')!;
    expect(open.parameters.map(({ name, type }) => [name, btf.typeName(type)])).toEqual([['file', 'struct file *']]);
    expect(btf.isSigned(open.returns)).toBe(true);
    const write = btf.prototypeOf('vfs_write')!;
    expect(write.parameters.map(({ type }) => btf.typeName(type))).toEqual([
      'struct file *',
      'char *',
      'size_t',
      'loff_t *',
    ]);
    expect(btf.typeName(write.returns)).toBe('ssize_t');
    expect(btf.sizeOf(write.parameters[2]!.type)).toBe(8);
    expect(btf.isSigned(write.parameters[2]!.type)).toBe(false);
  });

  test('knows raw tracepoints without the first parameter', () => {
    const exec = btf.rawTracepoint('sched_process_exec')!;
    expect(exec.parameters.map(({ type }) => btf.typeName(type))).toEqual([
      'struct task_struct *',
      'pid_t',
      'struct linux_binprm *',
    ]);
    expect([...btf.rawTracepoints()]).toContain('sys_enter');
    expect(btf.rawTracepoint('no_such_event')).toBeUndefined();
  });

  test('helper numbers are those of this kernel', () => {
    const ids = btf.enumerators('bpf_func_id')!;
    const known = Object.entries(helpers).filter(([name]) => ids.has(`BPF_FUNC_${name}`));
    expect(known.length).toBeGreaterThan(30);
    for (const [name, { id }] of known) expect([name, ids.get(`BPF_FUNC_${name}`)]).toEqual([name, BigInt(id)]);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FunctionBuilder, R0, R1 } from './function-builder.ts';
import { readObjectFunctions } from './object-functions.ts';
import { writeObject } from './object-writer.ts';

const runtime = readObjectFunctions(readFileSync(join(import.meta.dirname, '..', '..', 'build', 'loop', 'runtime.o')));

const called = (name: string) =>
  runtime.get(name)!.instructions.flatMap(({ relocation }) => (relocation?.kind === 'call' ? [relocation.symbol] : []));

describe('readObjectFunctions', () => {
  test('finds functions of the runtime whole, static ones too', () => {
    for (const name of ['claim_frame', 'end_record', 'walk_typed_path']) {
      expect(runtime.get(name)!.instructions.at(-1)!.opcode).toBe(0x95);
    }
  });

  test('names what is called, with a relocation and without one', () => {
    expect(called('tail_of_cast_file')).toEqual(['bpf_rdonly_cast', 'tail_of_typed_file']);
    expect(called('read_path')).toEqual(['read_dentry_of_mount']);
  });

  test('names maps and the function that a loop calls', () => {
    const symbols = runtime.get('find_process')!.instructions.map(({ relocation }) => relocation?.symbol);
    expect(symbols).toContain('processes');
    const callbacks = runtime.get('walk_typed_path')!.instructions.flatMap(({ callback }) => callback ?? []);
    expect(callbacks).toEqual(['typed_step']);
  });

  test('reads what our own writer makes', () => {
    const twice = new FunctionBuilder('twice').movReg(R0, R1).aluReg('add', R0, R1).exit().build();
    const main = new FunctionBuilder('main').callFunction('twice').exit().build();
    const object = writeObject({
      license: 'Dual BSD/GPL',
      defaultSource: 'test',
      programs: [{ section: 'raw_tp/sys_enter', function: main }],
      functions: [{ function: twice, parameterCount: 1 }],
      externs: [],
      maps: [],
    });
    const functions = readObjectFunctions(object);
    expect([...functions.keys()].sort()).toEqual(['main', 'twice']);
    expect(functions.get('main')!.instructions[0]!.relocation).toEqual({ kind: 'call', symbol: 'twice' });
    expect(functions.get('twice')!.instructions).toHaveLength(3);
  });

  test('refuses what is no object', () => {
    expect(() => readObjectFunctions(new Uint8Array(100))).toThrow('not an ELF file');
  });
});

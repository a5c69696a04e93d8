import { describe, expect, test } from 'vitest';
import { BtfFile } from './btf-reader.ts';
import { readElfSection } from './elf-reader.ts';
import { externFrom } from './extern-prototype.ts';
import { type Condition, FunctionBuilder, R0, R1, R2, R3, R6, R10 } from './function-builder.ts';
import type { BuiltFunction } from './instruction.ts';
import { type ObjectSpec, writeObject } from './object-writer.ts';
import { compileRuntime, linkObjects, runProgram } from './test-libbpf.ts';

const runtimeSource = `
#define SEC(name) __attribute__((section(name), used))
#define RUNTIME __attribute__((visibility("hidden"), noinline))
typedef unsigned long long u64;
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;

char LICENSE[] SEC("license") = "Dual BSD/GPL";
struct {
	int (*type)[2];
	int (*max_entries)[1];
	int *key;
	u64 *value;
} counters SEC(".maps");

static __attribute__((noinline)) u64 count(void)
{
	int key = 0;
	u64 *counter = bpf_map_lookup_elem(&counters, &key);

	return counter ? ++*counter : 0;
}

RUNTIME u64 rt_first_plus(void *ctx, u64 a)
{
	return *(u64 *)ctx + a;
}

RUNTIME u64 rt_count(void *ctx)
{
	return count();
}

RUNTIME u64 rt_not_called(void *ctx)
{
	return bpf_map_lookup_elem(&counters, ctx) != 0;
}

SEC("raw_tp/sys_enter") int rt_program(void *ctx)
{
	return rt_first_plus(ctx, 1);
}
`;

const base: ObjectSpec = {
  license: 'Dual BSD/GPL',
  defaultSource: 'generated',
  programs: [],
  functions: [],
  externs: [],
  maps: [],
};

const program = (fn: BuiltFunction) => ({ section: 'raw_tp/sys_enter', function: fn });

const missing = process.getuid?.() === 0 ? '' : ' (skipped: loading programs needs root)';

describe.skipIf(missing !== '')(`objects on this kernel${missing}`, () => {
  test('a program calls the runtime, a subprogram and a helper with a map', () => {
    const main = new FunctionBuilder('hook_main');
    const out = main.newLabel('out');
    main.movReg(R6, R1).movImm(R2, 7).callFunction('rt_first_plus').movReg(R1, R0).callFunction('thrice');
    main.store(8, R10, -16, R0).storeImm(4, R10, -4, 0).movReg(R2, R10).aluImm('add', R2, -4);
    main.loadMapPointer(R1, 'values').callHelper(1).jumpImm('eq', R0, 0, out);
    main.load(8, R1, R10, -16).store(8, R0, 0, R1).load(8, R6, R0, 0).movReg(R0, R6).exit();
    main.place(out).movImm(R0, -1).exit();
    const twice = new FunctionBuilder('twice').movReg(R0, R1).aluImm('lsh', R0, 1).exit();
    const thrice = new FunctionBuilder('thrice').movReg(R6, R1).callFunction('twice').aluReg('add', R0, R6).exit();
    const second = new FunctionBuilder('hook_second').callFunction('rt_count').exit();
    const runtime = compileRuntime(runtimeSource);
    const types = BtfFile.parse(readElfSection(runtime, '.BTF')!);
    const object = writeObject({
      ...base,
      programs: [program(main.build()), program(second.build())],
      functions: [twice, thrice].map((builder) => ({ function: builder.build(), parameterCount: 1 })),
      externs: ['rt_first_plus', 'rt_count', 'rt_not_called'].map((name) => externFrom(types, name)!),
      maps: [{ name: 'values', type: 2, keySize: 4, valueSize: 8, maxEntries: 1 }],
    });
    const linked = linkObjects([runtime, object]);
    expect(runProgram(linked, 'hook_main', [[10n], [100n]]).results).toEqual([51, 321]);
    expect(runProgram(linked, 'hook_second', [[0n], [0n], [0n]]).results).toEqual([1, 2, 3]);
    expect(runProgram(linked, 'rt_program', [[41n]]).results).toEqual([42]);
  });

  test('the linker refuses an extern with other parameter types than the definition', () => {
    const main = new FunctionBuilder('hook_main').callFunction('rt_first_plus').exit();
    const externs = [{ name: 'rt_first_plus', parameterCount: 2, parameters: ['u64', 'u64'] as const }];
    const object = writeObject({ ...base, programs: [program(main.build())], externs });
    expect(() => linkObjects([compileRuntime(runtimeSource), object])).toThrow('bpf_linker__add_file returned -22');
  });

  test('the verifier shows the source line of what it refuses', () => {
    const at = (line: number) => ({ file: 'folder/policy.yaml', line, text: `    - line: ${line}` });
    const bad = new FunctionBuilder('bad').line(at(9)).movImm(R0, 1).line(at(10)).load(8, R0, R0, 0).exit();
    const { loadError, log } = runProgram(writeObject({ ...base, programs: [program(bad.build())] }), 'bad', []);
    expect(loadError).toBe(-13);
    expect(log).toMatch(
      /; - line: 10( @ policy\.yaml:10)?\n1: \(79\) r0 = \*\(u64 \*\)\(r0 \+0\)\n.*invalid mem access/,
    );
  });

  const left = 0xfedc_ba98_7654_3210n;
  const right = 0x0000_0000_0000_0003n;
  const low32 = (value: bigint) => Number(BigInt.asUintN(32, value));

  test.each<[string, (builder: FunctionBuilder) => unknown, bigint]>([
    ['add', (b) => b.aluReg('add', R1, R2), left + right],
    ['sub', (b) => b.aluImm('sub', R1, -1), left + 1n],
    ['mul', (b) => b.aluReg('mul', R1, R2), left * right],
    ['div, unsigned', (b) => b.aluReg('div', R1, R2), left / right],
    ['mod, unsigned', (b) => b.aluImm('mod', R1, 1000), left % 1000n],
    ['and with a sign-extended immediate', (b) => b.aluImm('and', R1, -16).aluImm('rsh', R1, 32), left >> 32n],
    ['or, xor', (b) => b.aluReg('or', R1, R2).aluImm('xor', R1, 1), (left | right) ^ 1n],
    ['rsh', (b) => b.aluImm('rsh', R1, 36), left >> 36n],
    ['arsh', (b) => b.aluImm('arsh', R1, 60), -1n],
    ['arsh of 32 bits', (b) => b.alu32Imm('arsh', R1, 28), 7n],
    ['neg', (b) => b.neg(R2).movReg(R1, R2), -right],
    ['byteSwap 64', (b) => b.byteSwap(R1, 64), 0x98ba_dcfen],
    ['byteSwap 32', (b) => b.byteSwap(R1, 32), 0x1032_5476n],
    ['byteSwap 16', (b) => b.byteSwap(R1, 16), 0x1032n],
    ['loadImm', (b) => b.loadImm(R1, 0x1234_5678_0000_0000n).aluImm('rsh', R1, 32), 0x1234_5678n],
    ['mov32 zero-extends', (b) => b.mov32Imm(R1, 0xffff_ffff).aluImm('rsh', R1, 32), 0n],
    ['store and load of one byte', (b) => b.store(8, R10, -8, R1).load(1, R1, R10, -7), 0x32n],
    ['store of two bytes', (b) => b.storeImm(8, R10, -8, -1).store(2, R10, -8, R1).load(4, R1, R10, -8), 0xffff_3210n],
  ])('the kernel computes: %s', (_, assemble, expected) => {
    const fn = new FunctionBuilder('compute').load(8, R2, R1, 8).load(8, R1, R1, 0);
    assemble(fn);
    const object = writeObject({ ...base, programs: [program(fn.movReg(R0, R1).exit().build())] });
    expect(runProgram(object, 'compute', [[left, right]]).results).toEqual([low32(expected)]);
  });

  const conditions: Record<Condition, (a: bigint, b: bigint) => boolean> = {
    eq: (a, b) => a === b,
    ne: (a, b) => a !== b,
    gt: (a, b) => BigInt.asUintN(64, a) > BigInt.asUintN(64, b),
    ge: (a, b) => BigInt.asUintN(64, a) >= BigInt.asUintN(64, b),
    lt: (a, b) => BigInt.asUintN(64, a) < BigInt.asUintN(64, b),
    le: (a, b) => BigInt.asUintN(64, a) <= BigInt.asUintN(64, b),
    sgt: (a, b) => a > b,
    sge: (a, b) => a >= b,
    slt: (a, b) => a < b,
    sle: (a, b) => a <= b,
    set: (a, b) => (a & b) !== 0n,
  };
  const interesting = [-2n, -1n, 0n, 1n, 5n, 0x7fff_ffffn];

  /** One bit per form: register, immediate, and both of 32 bits; all agree on values that fit 32 bits signed. */
  test.each(Object.entries(conditions))('the kernel compares: %s', (name, expected) => {
    const condition = name as Condition;
    const values = interesting.flatMap((a) => interesting.map((b) => [a, b] as const));
    for (const immediate of interesting) {
      const fn = compareInAllForms(condition, Number(immediate));
      const object = writeObject({ ...base, programs: [program(fn)] });
      const contexts = values.map(([a, b]) => [BigInt.asUintN(64, a), BigInt.asUintN(64, b)]);
      const wanted = values.map(([a, b]) => (expected(a, b) ? 0b0101 : 0) | (expected(a, immediate) ? 0b1010 : 0));
      expect(runProgram(object, 'compare', contexts).results).toEqual(wanted);
    }
  });

  function compareInAllForms(condition: Condition, immediate: number): BuiltFunction {
    const fn = new FunctionBuilder('compare').load(8, R2, R1, 8).load(8, R1, R1, 0).movImm(R3, 0);
    const forms = [
      (label: ReturnType<typeof fn.newLabel>) => fn.jumpReg(condition, R1, R2, label),
      (label: ReturnType<typeof fn.newLabel>) => fn.jumpImm(condition, R1, immediate, label),
      (label: ReturnType<typeof fn.newLabel>) => fn.jump32Reg(condition, R1, R2, label),
      (label: ReturnType<typeof fn.newLabel>) => fn.jump32Imm(condition, R1, immediate, label),
    ];
    forms.forEach((jumpTo, bit) => {
      const yes = fn.newLabel('yes');
      const after = fn.newLabel('after');
      jumpTo(yes);
      fn.jump(after)
        .place(yes)
        .aluImm('or', R3, 1 << bit)
        .place(after);
    });
    return fn.movReg(R0, R3).exit().build();
  }
});

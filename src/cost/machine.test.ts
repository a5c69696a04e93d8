import { describe, expect, test } from 'vitest';
import { FunctionBuilder, R0, R1, R2, R6, R7, R10 } from '../ebpf/function-builder.ts';
import { helpers } from '../ebpf/helper-ids.ts';
import { leastAssumed, mostAssumed, typicallyAssumed } from './assumptions.ts';
import { type Choices, found, usual } from './choices.ts';
import { type Code, Machine, UnknownCost } from './machine.ts';
import { builtFunctions } from './test-costs.ts';

function costOf(code: Code, choices: Choices = usual, runtime: ReadonlyMap<string, Code> = new Map()): number {
  const machine = new Machine(
    { generated: new Map(), runtime, trustedArguments: true },
    typicallyAssumed,
    choices,
    new Map(),
  );
  machine.run(code);
  return machine.cost;
}

const build = (emit: (code: FunctionBuilder) => FunctionBuilder) => emit(new FunctionBuilder('code')).exit().build();

describe('Machine', () => {
  test('a jump is a comparison and a jump; registers that a caller keeps are saved', () => {
    expect(costOf(build((code) => code.movImm(R0, 0)))).toBe(1);
    expect(costOf(build((code) => code.movImm(R6, 0).movReg(R0, R6)))).toBe(4);
    const jump = build((code) => {
      const end = code.newLabel();
      return code.movImm(R0, 0).jumpImm('eq', R0, 0, end).movImm(R0, 1).place(end);
    });
    expect(costOf(jump)).toBe(3);
  });

  test('follows what is known, through memory too, and asks for the rest', () => {
    const code = build((code) => {
      const known = code.newLabel('known');
      const end = code.newLabel('end');
      code.movReg(R7, R1).storeImm(8, R10, -8, 5).load(8, R2, R10, -8).jumpImm('eq', R2, 5, known);
      code.loadImm64(R0, 1n << 40n).callHelper(helpers.ktime_get_boot_ns.id);
      code.place(known).load(8, R2, R7, 0).movImm(R0, 0).jumpImm('eq', R2, 1, end);
      return code.callHelper(helpers.ktime_get_boot_ns.id).place(end);
    });
    expect(costOf(code, usual) - costOf(code, found)).toBe(51);
  });

  test('an outcome that a helper may have is the good one', () => {
    const code = build((code) => {
      const failed = code.newLabel('failed');
      code.movReg(R2, R10).aluImm('add', R2, -8).loadMapPointer(R1, 'processes').callHelper(helpers.map_lookup_elem.id);
      return code.jumpImm('eq', R0, 0, failed).callHelper(helpers.get_current_pid_tgid.id).place(failed);
    });
    expect(costOf(code)).toBeGreaterThan(142 + 11);
  });

  test('says which helper has no cost', () => {
    expect(() => costOf(build((code) => code.callHelper(helpers.trace_printk.id)))).toThrow(UnknownCost);
    expect(() => costOf(build((code) => code.callHelper(helpers.trace_printk.id)))).toThrow('helper 6, called by code');
  });

  test.each(['runtime.o', 'loop/runtime.o'])('every function of %s has a cost', (object) => {
    const runtime = builtFunctions(object);
    expect(runtime.size).toBeGreaterThan(30);
    for (const code of runtime.values()) {
      for (const assumed of [leastAssumed, typicallyAssumed, mostAssumed]) {
        const machine = new Machine(
          { generated: new Map(), runtime, trustedArguments: false },
          assumed,
          usual,
          new Map(),
        );
        machine.run(code);
        expect(machine.cost).toBeGreaterThan(0);
        expect(machine.cost).toBeLessThan(200_000);
      }
    }
  });

  test.each(['runtime.o', 'loop/runtime.o'])('a longer path of %s costs more, by each component the same', (object) => {
    const runtime = builtFunctions(object);
    const walk = (pathComponents: number) => {
      const assumed = { ...typicallyAssumed, pathComponents };
      const machine = new Machine({ generated: new Map(), runtime, trustedArguments: true }, assumed, usual, new Map());
      machine.run(build((code) => code.callFunction('walk_path')));
      return machine.cost;
    };
    const perComponent = walk(5) - walk(4);
    expect(perComponent).toBeGreaterThan(100);
    expect(perComponent).toBeLessThan(600);
    expect(walk(14) - walk(4)).toBe(10 * perComponent);
  });
});

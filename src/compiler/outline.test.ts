import { expect, test } from 'vitest';
import { FunctionBuilder, R0 } from '../ebpf/function-builder.ts';
import { type CodePart, emitPart, type Outlined } from './outline.ts';

/** A part that writes one instruction for each number. */
function part(name: string, numbers: readonly number[]): CodePart {
  const middle = numbers.length >> 1;
  return {
    name,
    weight: numbers.length + 4,
    emit: (code) => {
      for (const number of numbers) code.movImm(R0, number);
    },
    guard: (code, skip) => code.jumpImm('eq', R0, numbers.length, skip),
    halves: () => {
      if (numbers.length < 2) return undefined;
      return [part(`${name}l`, numbers.slice(0, middle)), part(`${name}r`, numbers.slice(middle))];
    },
  };
}

function emit(numbers: readonly number[], longest?: number): { calls: string[]; length: number; functions: string[] } {
  const code = new FunctionBuilder('program');
  const outlined: Outlined | undefined = longest === undefined ? undefined : { functions: [], longest };
  emitPart(code, part('part', numbers), outlined);
  const { instructions } = code.exit().build();
  const functions = outlined?.functions.map((body) => `${body.name} ${body.build().instructions.length}`) ?? [];
  return {
    calls: instructions.flatMap(({ relocation }) => relocation?.symbol ?? []),
    length: instructions.length,
    functions,
  };
}

test('a part is emitted in place', () => {
  expect(emit([1, 2, 3])).toEqual({ calls: [], length: 4, functions: [] });
});

test('a part becomes a function, called when its guard says so', () => {
  expect(emit([1, 2, 3], 100)).toEqual({ calls: ['part'], length: 1 + 3 + 1, functions: ['part 7'] });
});

test('a part that is too long is divided until it fits, or cannot be divided', () => {
  const { calls, functions } = emit([1, 2, 3, 4], 6);
  expect(calls).toEqual(['partl', 'partr']);
  expect(functions).toEqual(['partl 6', 'partr 6']);
  expect(emit([1, 2], 1).functions).toEqual(['partl 5', 'partr 5']);
});

import { expect, test } from 'vitest';
import { interpret } from '../../test/filter/interpreter.ts';
import { FunctionBuilder } from '../ebpf/function-builder.ts';
import { frame } from '../events/wire.ts';
import { emitEffect, joinEffects, noEffect, sameEffect } from './effects.ts';

const consequence = { want: 1n << 63n, signals: 1n << 8n, refusals: 0n };

test('joined effects are the union of their bits', () => {
  const left = { ...noEffect, matches: 1n, atoms: 1n << 100n };
  const right = { ...noEffect, matches: 4n, consequence };
  expect(joinEffects([left, right])).toEqual({ matches: 5n, candidates: 0n, atoms: 1n << 100n, consequence });
  expect(sameEffect(joinEffects([]), noEffect)).toBe(true);
  expect(sameEffect(left, right)).toBe(false);
});

test('an effect sets its bits beside those that are set', () => {
  const code = new FunctionBuilder('effect');
  emitEffect(code, { matches: (1n << 31n) | (1n << 130n), candidates: 1n << 63n, atoms: 3n, consequence });
  const memory = Buffer.alloc(frame.at.values);
  memory.writeBigUInt64LE(1n, frame.at.matches);
  interpret(code.exit().build(), memory, {});
  const word = (offset: number, index = 0) => memory.readBigUInt64LE(offset + 8 * index);
  expect([word(frame.at.matches), word(frame.at.matches, 1), word(frame.at.matches, 2)]).toEqual([
    (1n << 31n) | 1n,
    0n,
    4n,
  ]);
  expect([word(frame.at.candidates), word(frame.at.atoms)]).toEqual([1n << 63n, 3n]);
  expect([word(frame.at.want), word(frame.at.signals), word(frame.at.refusals)]).toEqual([1n << 63n, 1n << 8n, 0n]);
});

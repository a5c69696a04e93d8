import { expect, test } from 'vitest';
import { interpret } from '../../test/filter/interpreter.ts';
import { FunctionBuilder } from '../ebpf/function-builder.ts';
import { frame, limits } from '../events/wire.ts';
import { candidateBits, emitClearBits, matchBits } from './bit-words.ts';
import { emitEffect, joinEffects, noEffect } from './effects.ts';

const consequence = { want: 1n << 63n, signals: 1n << 8n, refusals: 0n };

test('joined effects are the union of their bits', () => {
  const left = { ...noEffect, matches: [0], atoms: [100] };
  const right = { ...noEffect, matches: [2, 0], consequence };
  expect(joinEffects([left, right])).toEqual({ matches: [0, 2], candidates: [], atoms: [100], consequence });
  expect(joinEffects([])).toEqual(noEffect);
});

function emptyFrame(): Buffer {
  return Buffer.alloc(frame.at.values);
}

test('an effect sets its bits beside those that are set', () => {
  const code = new FunctionBuilder('effect');
  emitEffect(code, { matches: [31, 130], candidates: [63], atoms: [0, 1], consequence });
  const memory = emptyFrame();
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
  expect(word(frame.at.match_blocks)).toBe(0n);
});

test.each([
  [candidateBits, limits.CANDIDATE_WORDS],
  [matchBits, limits.MATCH_WORDS],
])('all bits of a row are cleared, and a run that set few clears few: %o', (row, words) => {
  const bits = [0, 255, 256, 300, 64 * words - 1];
  const code = new FunctionBuilder('set_and_clear');
  emitEffect(code, { ...noEffect, [row === matchBits ? 'matches' : 'candidates']: bits });
  emitClearBits(code, row, 64 * words);
  const memory = emptyFrame();
  const { steps } = interpret(code.exit().build(), memory, {});
  expect(memory.equals(emptyFrame())).toBe(true);
  expect(steps).toBeLessThan(200);
});

import type { FunctionBuilder } from '../ebpf/function-builder.ts';
import { frame } from '../events/wire.ts';
import { atomBits, candidateBits, emitOr, emitSetBits, matchBits } from './bit-words.ts';
import type { Consequence, PlanSelector } from './hook-plan.ts';

/** Bits that a hit sets in the frame: numbers of bits of the rows, each once. */
export interface Effect {
  readonly matches: readonly number[];
  readonly candidates: readonly number[];
  readonly atoms: readonly number[];
  readonly consequence: Consequence;
}

export const noConsequence: Consequence = { want: 0n, signals: 0n, refusals: 0n };
export const noEffect: Effect = { matches: [], candidates: [], atoms: [], consequence: noConsequence };

export function selectorEffect(selector: PlanSelector): Effect {
  return { ...noEffect, matches: [selector.bit], consequence: selector.consequence };
}

export function joinEffects(effects: readonly Effect[]): Effect {
  if (effects.length === 1) return effects[0]!;
  const union = (bitsOf: (effect: Effect) => readonly number[]) => [...new Set(effects.flatMap(bitsOf))];
  return {
    matches: union(({ matches }) => matches),
    candidates: union(({ candidates }) => candidates),
    atoms: union(({ atoms }) => atoms),
    consequence: effects.reduce(
      (sum, { consequence }) => ({
        want: sum.want | consequence.want,
        signals: sum.signals | consequence.signals,
        refusals: sum.refusals | consequence.refusals,
      }),
      noConsequence,
    ),
  };
}

/** Sets the bits in the frame at R7. Uses R1 and R2. */
export function emitEffect(code: FunctionBuilder, effect: Effect): void {
  emitOr(code, frame.at.want, effect.consequence.want);
  emitOr(code, frame.at.signals, effect.consequence.signals);
  emitOr(code, frame.at.refusals, effect.consequence.refusals);
  emitSetBits(code, matchBits, effect.matches);
  emitSetBits(code, candidateBits, effect.candidates);
  emitSetBits(code, atomBits, effect.atoms);
}

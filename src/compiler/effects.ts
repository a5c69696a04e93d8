import { type FunctionBuilder, R1, R2, R7 } from '../ebpf/function-builder.ts';
import { frame } from '../events/wire.ts';
import type { Consequence, PlanSelector } from './hook-plan.ts';

/** Bits that a hit sets in the frame: bit i of `matches`, `candidates` and `atoms` lies in word i/64. */
export interface Effect {
  readonly matches: bigint;
  readonly candidates: bigint;
  readonly atoms: bigint;
  readonly consequence: Consequence;
}

export const noConsequence: Consequence = { want: 0n, signals: 0n, refusals: 0n };
export const noEffect: Effect = { matches: 0n, candidates: 0n, atoms: 0n, consequence: noConsequence };

export function selectorEffect(selector: PlanSelector): Effect {
  return { ...noEffect, matches: 1n << BigInt(selector.bit), consequence: selector.consequence };
}

export function joinEffects(effects: readonly Effect[]): Effect {
  return effects.reduce(
    (sum, effect) => ({
      matches: sum.matches | effect.matches,
      candidates: sum.candidates | effect.candidates,
      atoms: sum.atoms | effect.atoms,
      consequence: {
        want: sum.consequence.want | effect.consequence.want,
        signals: sum.consequence.signals | effect.consequence.signals,
        refusals: sum.consequence.refusals | effect.consequence.refusals,
      },
    }),
    noEffect,
  );
}

export function sameEffect(left: Effect, right: Effect): boolean {
  return (
    left.matches === right.matches &&
    left.candidates === right.candidates &&
    left.atoms === right.atoms &&
    left.consequence.want === right.consequence.want &&
    left.consequence.signals === right.consequence.signals &&
    left.consequence.refusals === right.consequence.refusals
  );
}

/** Sets the bits in the frame at R7. Uses R1 and R2. */
export function emitEffect(code: FunctionBuilder, effect: Effect): void {
  emitOr(code, frame.at.want, effect.consequence.want);
  emitOr(code, frame.at.signals, effect.consequence.signals);
  emitOr(code, frame.at.refusals, effect.consequence.refusals);
  emitOrWords(code, frame.at.matches, effect.matches);
  emitOrWords(code, frame.at.candidates, effect.candidates);
  emitOrWords(code, frame.at.atoms, effect.atoms);
}

function emitOrWords(code: FunctionBuilder, offset: number, bits: bigint): void {
  for (let word = 0; bits >> BigInt(64 * word) > 0n; word++) {
    emitOr(code, offset + 8 * word, BigInt.asUintN(64, bits >> BigInt(64 * word)));
  }
}

function emitOr(code: FunctionBuilder, offset: number, bits: bigint): void {
  if (bits === 0n) return;
  code.load(8, R1, R7, offset);
  if (bits < 0x8000_0000n) {
    code.aluImm('or', R1, Number(bits));
  } else {
    code.loadImm64(R2, bits);
    code.aluReg('or', R1, R2);
  }
  code.store(8, R7, offset, R1);
}

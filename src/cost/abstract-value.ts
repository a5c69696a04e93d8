/** What is known of a register or of a word of memory during a simulated run. */
export type AbstractValue =
  | { readonly kind: 'number'; readonly value: bigint }
  /** Never null: what a lookup may not find is decided when it is looked up. */
  | { readonly kind: 'pointer'; readonly to: PointerTarget; readonly offset: number }
  | { readonly kind: 'unknown'; readonly nature: Nature };

export type PointerTarget = 'stack' | 'frame' | 'context' | 'map' | 'kernel';

/**
 * What an unknown value stands for, which tells how comparisons with it mostly end: a `length` is within its bounds, a
 * `status` says that nothing went wrong, `data` may be anything.
 */
export type Nature = 'argument' | 'length' | 'status' | 'data';

export const unknownData: AbstractValue = { kind: 'unknown', nature: 'data' };
export const zero: AbstractValue = { kind: 'number', value: 0n };

export function knownNumber(value: bigint): AbstractValue {
  return { kind: 'number', value: BigInt.asUintN(64, value) };
}

export function pointerTo(to: PointerTarget, offset = 0): AbstractValue {
  return { kind: 'pointer', to, offset };
}

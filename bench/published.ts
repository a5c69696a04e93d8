import type { Published } from './row.ts';

/** From this number of policies on, a call may cost `thousandFactor` times what one policy costs. */
export const thousand = 1000;
export const thousandFactor = 1.1;

/**
 * What Tetragon 1.8-dev adds to open and close on Debian 6.12, in the same kind of machine, by the number of policies on
 * security_file_open with one Prefix path each (kprobe; lsm refuses the 20th policy, fentry the 39th).
 */
export const tetragonByPolicies: ReadonlyMap<number, number> = new Map([
  [1, 9_313],
  [10, 93_274],
  [50, 465_672],
]);

/** Tetragon's number for so many policies on one hook, for a row. */
export function tetragonWith(count: number): { readonly tetragon: Published } {
  const value = tetragonByPolicies.get(count);
  return { tetragon: value === undefined ? { value: Number.NaN, text: '-' } : { value } };
}

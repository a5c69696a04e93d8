import type { PlanMatch } from './hook-plan.ts';

const knownKeys = new WeakMap<PlanMatch, string>();

/** Equal for matches that compare with the same values. */
export function matchKey(match: PlanMatch): string {
  const key = knownKeys.get(match) ?? newKey(match);
  knownKeys.set(match, key);
  return key;
}

function newKey(match: PlanMatch): string {
  switch (match.kind) {
    case 'ranges':
      return `ranges ${match.ranges.map(({ min, max }) => `${min}:${max}`).join()}`;
    case 'mask':
      return `mask ${match.mask}`;
    case 'strings':
      return `${match.match} ${match.values.map(hex).join()}`;
    case 'networks':
      return `networks ${match.networks.map(({ address, prefixLength }) => `${hex(address)}/${prefixLength}`).join()}`;
    default:
      return match satisfies never;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

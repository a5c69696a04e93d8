import type { Operand } from '../../policy/operand.ts';
import type { EventArgument } from '../event-plan.ts';

/**
 * True when a return value passes all `filters` (`matchReturnArgs`). `low` and `high` are the register; the type of
 * the return argument says how many of its bits count and whether they are signed.
 */
export function passesReturnFilters(
  filters: readonly Operand[],
  argument: EventArgument,
  low: number,
  high: number,
): boolean {
  if (filters.length === 0) return true;
  const bits = integerBits(argument.type);
  const register = (BigInt(high) << 32n) | BigInt(low);
  const unsigned = BigInt.asUintN(bits, register);
  const value = argument.type.startsWith('s') ? BigInt.asIntN(bits, register) : unsigned;
  return filters.every((filter) => passes(filter, value, unsigned));
}

function passes(filter: Operand, value: bigint, unsigned: bigint): boolean {
  switch (filter.kind) {
    case 'ranges':
      return filter.ranges.some((range) => value >= range.min && value <= range.max) !== filter.negate;
    case 'mask':
      return (unsigned & filter.mask) !== 0n;
    // A return value is a number: the compiler gives no other filter. Unreadable values match only negated operands.
    case 'strings':
    case 'networks':
      return filter.negate;
    default:
      return filter satisfies never;
  }
}

function integerBits(type: EventArgument['type']): number {
  switch (type) {
    case 'sint8':
    case 'uint8':
      return 8;
    case 'sint16':
    case 'uint16':
      return 16;
    case 'sint32':
    case 'uint32':
      return 32;
    default:
      return 64;
  }
}

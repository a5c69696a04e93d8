import { describe, expect, test } from 'vitest';
import { JsonWriter } from './json/json-writer.ts';
import { WallClock } from './wall-clock.ts';

const boot = BigInt(Date.UTC(2026, 10, 20, 4, 58, 38)) * 1_000_000n + 822_743_326n;

function timestamp(offset: bigint, ktime: bigint): string {
  const writer = new JsonWriter();
  new WallClock(offset).write(writer, Number(ktime & 0xffffffffn), Number(ktime >> 32n));
  return writer.take().toString();
}

describe('WallClock.write', () => {
  const cases: readonly (readonly [name: string, offset: bigint, ktime: bigint, expected: string])[] = [
    ['nanoseconds', boot, 1n, '2026-11-20T04:58:38.822743327Z'],
    ['a carry into the next second', boot, 430_000_000n, '2026-11-20T04:58:39.252743326Z'],
    ['no fraction', 0n, 5_000_000_000n, '1970-01-01T00:00:05Z'],
    ['three digits', 0n, 5_120_000_000n, '1970-01-01T00:00:05.120Z'],
    ['six digits', 0n, 5_000_120_000n, '1970-01-01T00:00:05.000120Z'],
    ['a leap day', 0n, BigInt(Date.UTC(2028, 1, 29)) * 1_000_000n, '2028-02-29T00:00:00Z'],
    ['more than 2^53 ns of uptime', 0n, 2n ** 53n + 1n, '1970-04-15T05:59:59.254740993Z'],
    ['more than two years of uptime', 0n, 2n ** 57n + 1n, '1974-07-26T23:59:48.075855873Z'],
    ['the largest time there is', boot, 2n ** 64n - 1n, '2611-06-11T04:33:12.532294941Z'],
  ];
  for (const [name, offset, ktime, expected] of cases) {
    test(name, () => expect(timestamp(offset, ktime)).toBe(expected));
  }

  test('follows a clock that is set', () => {
    const clock = new WallClock(0n);
    const writer = new JsonWriter();
    clock.write(writer, 0, 0);
    clock.setOffset(-1n);
    clock.write(writer, 0, 0);
    expect(writer.take().toString()).toBe('1970-01-01T00:00:00Z1969-12-31T23:59:59.999999999Z');
  });
});

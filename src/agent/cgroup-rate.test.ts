import { describe, expect, test } from 'vitest';
import { cgroupRateType } from './cgroup-rate.ts';

describe('cgroupRateType', () => {
  test.each([
    ['10,1s', { events: 10, intervalMs: 1000 }],
    ['1000,500ms', { events: 1000, intervalMs: 500 }],
    ['100,1m', { events: 100, intervalMs: 60_000 }],
    ['1000000,1h', { events: 1_000_000, intervalMs: 3_600_000 }],
  ])('reads and shows "%s"', (text, rate) => {
    expect(cgroupRateType.parse(text)).toEqual(rate);
    expect(cgroupRateType.show(rate)).toBe(text);
  });

  test.each(['', '10', '10,1', '0,1s', '10,0s', '10,2h', '1000001,1s', '-1,1s', 'x,1s'])('refuses "%s"', (text) => {
    expect(() => cgroupRateType.parse(text)).toThrow('a rate such as 1000,1s, up to 1000000 events in up to 1h');
  });
});

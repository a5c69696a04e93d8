import { expect, test } from 'vitest';
import { retryDelayMs } from './backoff.ts';

const settings = { initialDelay: 1000, maxDelay: 30_000, giveUpAfter: 0 };

test('delays double up to the longest one', () => {
  const longest = [1, 2, 3, 4, 5, 6, 1000].map((attempt) => retryDelayMs(settings, attempt, 0, 1));
  expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(retryDelayMs(settings, 1, 0, 0)).toBe(500);
});

test('a receiver that asks for more time gets it, within reason', () => {
  expect(retryDelayMs(settings, 1, 90_000, 0)).toBe(90_000);
  expect(retryDelayMs(settings, 1, 10 ** 9, 0)).toBe(600_000);
});

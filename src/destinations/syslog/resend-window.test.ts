import { describe, expect, test } from 'vitest';
import { ResendWindow } from './resend-window.ts';

const MiB = 2 ** 20;

describe('ResendWindow', () => {
  test('after an end in order, what was sent shortly before is sent again', () => {
    const window = new ResendWindow(5000, 64 * MiB);
    for (let second = 0; second < 10; second++) window.add([frame(second)], second * 1000);
    window.connectionEnded(true, 10_000);
    expect(namesIn(window)).toEqual([5, 6, 7, 8, 9]);
    window.sentAgain(20_000);
    window.connectionEnded(true, 24_000);
    expect(namesIn(window)).toEqual([5, 6, 7, 8, 9]);
    window.connectionEnded(true, 26_000);
    expect(namesIn(window)).toEqual([]);
  });

  test('after a break, all that buffers may have held', () => {
    const window = new ResendWindow(5000, 64 * MiB);
    for (let second = 0; second < 40; second++) window.add([frame(second, MiB)], second * 1000);
    window.connectionEnded(false, 40_000);
    expect(namesIn(window)).toEqual(Array.from({ length: 16 }, (_, index) => 24 + index));
  });

  test('the time counts for more than the buffers, the bound for more than the time', () => {
    const window = new ResendWindow(5000, 30 * MiB);
    for (let index = 0; index < 20; index++) window.add([frame(index, MiB)], 1000);
    expect(window.size).toBe(20);
    for (let index = 20; index < 40; index++) window.add([frame(index, MiB)], 2000);
    expect(namesIn(window)[0]).toBe(10);
    window.add([frame(40, MiB)], 100_000);
    expect(namesIn(window)[0]).toBe(25);
  });

  test('what is very old is not sent again', () => {
    const window = new ResendWindow(5000, 64 * MiB);
    window.add([frame(1)], 0);
    window.add([frame(2)], 300_000);
    window.connectionEnded(false, 700_000);
    expect(namesIn(window)).toEqual([2]);
  });
});

/** A frame that begins with its name. */
function frame(name: number, size = 4): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(name);
  return bytes;
}

function namesIn(window: ResendWindow): number[] {
  return window.frames().map((bytes) => bytes.readUInt32LE());
}

import { describe, expect, test } from 'vitest';
import { RingReader } from './ring-reader.ts';
import { lengthOf, RingFixture } from './testdata/ring-fixture.ts';

/** Records of the fixture start with their sequence number, which stands for a time here. */
describe('RingReader', () => {
  test('gives the records of two rings in the order of their times', () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    for (let sequence = 0; sequence < 40; sequence++) {
      if (sequence % 7 < 3) expect(fixture.writeMinor(sequence)).toBe(true);
      else expect(fixture.write(sequence, lengthOf(sequence))).toBe(true);
    }
    fixture.write(0, 0, true);
    expect(reader.isEmpty).toBe(false);
    expect(reader.consume(fixture.visit)).toBe(40);
    expect(fixture.received).toBe(40);
    expect(reader.isEmpty).toBe(true);
  });

  test('stops at the limit between two rings and goes on from there', () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    for (let sequence = 0; sequence < 10; sequence += 2) {
      fixture.write(sequence, lengthOf(sequence));
      fixture.writeMinor(sequence + 1);
    }
    expect([3, 3, 9].map((limit) => reader.consume(fixture.visit, limit))).toEqual([3, 3, 4]);
  });

  test('discarded records of one ring hold up no other', () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    fixture.write(0, 0, true);
    fixture.writeMinor(0);
    fixture.write(0, 0, true);
    expect(reader.consume(fixture.visit)).toBe(1);
  });

  test('is woken by a record in any ring', async () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    reader.start({ visit: fixture.visit });
    for (let sequence = 0; sequence < 6; sequence++) {
      if (sequence % 2 === 0) fixture.writeMinor(sequence);
      else fixture.write(sequence, lengthOf(sequence));
      await expect.poll(() => fixture.received, { interval: 1 }).toBe(sequence + 1);
    }
  });

  test('start delivers single records and bursts, and ends on abort', async () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    const controller = new AbortController();
    const batches: number[] = [];
    reader.start({
      visit: fixture.visit,
      afterBatch: (records) => batches.push(records),
      batchLimit: 32,
      signal: controller.signal,
    });
    let sequence = 0;
    for (const burst of [1, 1, 200, 1, 0, 90, 1]) {
      for (let index = 0; index < burst; index++, sequence++) {
        while (!fixture.write(sequence, lengthOf(sequence))) {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      await expect.poll(() => fixture.received, { interval: 1 }).toBe(sequence);
    }
    expect(Math.max(...batches)).toBe(32);
    controller.abort();
    expect(fixture.ring.pendingBytes).toBe(0);
    expect(() => reader.consume(fixture.visit)).toThrow('read after close');
  });

  test('hands errors of the visitor to onError and keeps reading', async () => {
    using fixture = new RingFixture();
    using reader = new RingReader(fixture.ring, [fixture.minor]);
    const errors: unknown[] = [];
    let visited = 0;
    reader.start({
      visit: () => {
        if (visited++ === 0) {
          throw new Error('broken visitor');
        }
      },
      onError: (error) => errors.push(error),
    });
    fixture.write(0, 8);
    fixture.write(1, 8);
    await expect.poll(() => visited, { interval: 1 }).toBe(2);
    expect(errors).toHaveLength(1);
  });
});

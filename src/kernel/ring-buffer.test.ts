import { describe, expect, test } from 'vitest';
import { lengthOf, RingFixture } from './testdata/ring-fixture.ts';

describe('RingBuffer', () => {
  test('gives the records of a ring of which only a part is mapped at a time', () => {
    using fixture = new RingFixture(2 ** 21);
    for (let sequence = 0; sequence < 20_000; ) {
      if (fixture.write(sequence, lengthOf(sequence))) {
        sequence++;
      } else {
        expect(fixture.ring.consume(fixture.visit)).toBeGreaterThan(1000);
      }
    }
    fixture.ring.consume(fixture.visit);
    expect(fixture.received).toBe(20_000);
  });

  test('gives 200,000 records of varying size, none lost or mangled', () => {
    using fixture = new RingFixture();
    let retries = 0;
    for (let sequence = 0; sequence < 200_000; ) {
      if (fixture.write(sequence, lengthOf(sequence))) {
        sequence++;
        if (sequence % 17 === 0) {
          fixture.write(0, 0, true);
        }
      } else {
        retries++;
        expect(fixture.ring.consume(fixture.visit)).toBeGreaterThan(0);
      }
    }
    fixture.ring.consume(fixture.visit);
    expect(fixture.received).toBe(200_000);
    expect(fixture.ring.pendingBytes).toBe(0);
    expect(retries).toBeGreaterThan(1000);
    expect(fixture.wrapped).toBeGreaterThan(1000);
  });

  test('stops at the limit and goes on from there', () => {
    using fixture = new RingFixture();
    for (let sequence = 0; sequence < 10; sequence++) {
      fixture.write(sequence, lengthOf(sequence));
    }
    expect(fixture.ring.consume(fixture.visit, { limit: 4 })).toBe(4);
    expect(fixture.ring.pendingBytes).toBeGreaterThan(0);
    expect(fixture.ring.consume(fixture.visit)).toBe(6);
    expect(fixture.ring.consume(fixture.visit)).toBe(0);
  });

  test('goes on after a visitor that throws', () => {
    using fixture = new RingFixture();
    fixture.write(0, 8);
    fixture.write(1, 8);
    const lengths: number[] = [];
    expect(() =>
      fixture.ring.consume(() => {
        throw new Error('broken visitor');
      }),
    ).toThrow('broken visitor');
    fixture.ring.consume((_data, _offset, length) => lengths.push(length));
    expect(lengths).toEqual([24]);
  });

  test('a view kept after close reads nothing', () => {
    using fixture = new RingFixture();
    fixture.write(0, 8);
    let kept: Buffer | undefined;
    fixture.ring.consume((data) => {
      kept = data;
    });
    fixture.ring.close();
    fixture.ring.close();
    expect(kept?.byteLength).toBe(0);
    expect(kept?.[0]).toBeUndefined();
  });
});

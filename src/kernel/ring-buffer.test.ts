import { describe, expect, test } from 'vitest';
import { BpfObject } from './bpf-object.ts';
import { RingBuffer } from './ring-buffer.ts';
import { testRun } from './test-run.ts';
import { compileBpf } from './testdata/compile-bpf.ts';

const MAX_BODY = 2048;

/** A loaded writer, its ring, and a check that every record is whole and in order. */
class Fixture {
  readonly object: BpfObject;
  readonly ring: RingBuffer;
  readonly #context = new BigUint64Array(3);
  readonly #contextBytes = new Uint8Array(this.#context.buffer);
  readonly #fd: number;
  received = 0;
  wrapped = 0;

  constructor() {
    this.object = BpfObject.open(compileBpf('ring'), 'ring');
    this.object.load();
    this.#fd = this.object.program('write_record').fd;
    this.ring = new RingBuffer(this.object.map('records').fd);
  }

  /** Returns false when the ring was full. */
  write(sequence: number, length: number, discard = false): boolean {
    this.#context[0] = BigInt(sequence);
    this.#context[1] = BigInt(length);
    this.#context[2] = discard ? 1n : 0n;
    const { returnValue } = testRun(this.#fd, { context: this.#contextBytes });
    expect(returnValue).toBeLessThan(2);
    return returnValue === 0;
  }

  readonly visit = (data: Buffer, offset: number, length: number): void => {
    const sequence = this.received++;
    const bodyLength = lengthOf(sequence);
    if (
      data.readUInt32LE(offset) !== sequence ||
      data.readUInt32LE(offset + 8) !== bodyLength ||
      length !== 16 + bodyLength
    ) {
      throw new Error(`record ${sequence} is mangled: sequence ${data.readUInt32LE(offset)}, length ${length}`);
    }
    for (let index = 0; index < Math.min(bodyLength, 64); index++) {
      if (data[offset + 16 + index] !== (sequence & 0xff)) {
        throw new Error(`record ${sequence} has a wrong byte ${index}`);
      }
    }
    if (offset + length > this.ring.size) {
      this.wrapped++;
    }
  };

  [Symbol.dispose](): void {
    this.ring.close();
    this.object.close();
  }
}

function lengthOf(sequence: number): number {
  return (sequence * 7919) % (MAX_BODY + 1);
}

describe('RingBuffer', () => {
  test('gives 200,000 records of varying size, none lost or mangled', () => {
    using fixture = new Fixture();
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
    using fixture = new Fixture();
    for (let sequence = 0; sequence < 10; sequence++) {
      fixture.write(sequence, lengthOf(sequence));
    }
    expect(fixture.ring.consume(fixture.visit, 4)).toBe(4);
    expect(fixture.ring.pendingBytes).toBeGreaterThan(0);
    expect(fixture.ring.consume(fixture.visit)).toBe(6);
    expect(fixture.ring.consume(fixture.visit)).toBe(0);
  });

  test('goes on after a visitor that throws', () => {
    using fixture = new Fixture();
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

  test('start delivers single records and bursts, and ends on abort', async () => {
    using fixture = new Fixture();
    const controller = new AbortController();
    const batches: number[] = [];
    fixture.ring.start({
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
    expect(() => fixture.ring.consume(fixture.visit)).toThrow('used after close');
  });

  test('hands errors of the visitor to onError and keeps reading', async () => {
    using fixture = new Fixture();
    const errors: unknown[] = [];
    let visited = 0;
    fixture.ring.start({
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

  test('a view kept after close reads nothing', () => {
    using fixture = new Fixture();
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

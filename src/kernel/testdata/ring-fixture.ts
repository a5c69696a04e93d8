import { expect } from 'vitest';
import { BpfObject } from '../bpf-object.ts';
import { RingBuffer } from '../ring-buffer.ts';
import { testRun } from '../test-run.ts';
import { compileBpf } from './compile-bpf.ts';

const MAX_BODY = 2048;

/** A loaded writer, its rings, and a check that every record is whole and in order. */
export class RingFixture {
  readonly object: BpfObject;
  readonly ring: RingBuffer;
  readonly minor: RingBuffer;
  readonly #context = new BigUint64Array(3);
  readonly #contextBytes = new Uint8Array(this.#context.buffer);
  readonly #fd: number;
  received = 0;
  wrapped = 0;

  constructor(ringBytes?: number) {
    this.object = BpfObject.open(compileBpf('ring'), 'ring');
    if (ringBytes !== undefined) {
      this.object.map('records').setMaxEntries(ringBytes);
    }
    this.object.load();
    this.#fd = this.object.program('write_record').fd;
    this.ring = new RingBuffer(this.object.map('records').fd);
    this.minor = new RingBuffer(this.object.map('minor').fd);
  }

  /** Returns false when the ring was full. */
  write(sequence: number, length: number, discard = false): boolean {
    return this.#run(sequence, length, discard ? 1n : 0n);
  }

  writeMinor(sequence: number): boolean {
    return this.#run(sequence, lengthOf(sequence), 2n);
  }

  #run(sequence: number, length: number, way: bigint): boolean {
    this.#context[0] = BigInt(sequence);
    this.#context[1] = BigInt(length);
    this.#context[2] = way;
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
    this.minor.close();
    this.object.close();
  }
}

/** Length of the body of record `sequence`. */
export function lengthOf(sequence: number): number {
  return (sequence * 7919) % (MAX_BODY + 1);
}

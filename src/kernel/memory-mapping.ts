import { strict as assert } from 'node:assert';
import { throwLastError } from './kernel-error.ts';
import { MAP_SHARED, mmap, munmap, pageSize, viewMemory } from './libc.ts';

/** Shared memory of a file descriptor as an ArrayBuffer of exactly `length` bytes, until `close`. */
export class MemoryMapping {
  readonly #label: string;
  readonly #address: bigint;
  readonly #mappedLength: number;
  #buffer: ArrayBuffer | undefined;

  /** `protection` is PROT_READ, or PROT_READ | PROT_WRITE; writing through the former crashes the process. Throws a KernelError. */
  constructor(label: string, fd: number, offset: number, length: number, protection: number) {
    this.#label = label;
    this.#mappedLength = Math.ceil(length / pageSize) * pageSize;
    const address = BigInt(mmap(null, this.#mappedLength, protection, MAP_SHARED, fd, offset));
    if (address === -1n) {
      throwLastError(
        `mmap ${label}`,
        'the map must be a ring buffer, or an array with BPF_F_MMAPABLE, and not read-only',
      );
    }
    this.#address = address;
    this.#buffer = viewMemory(address, length);
  }

  get buffer(): ArrayBuffer {
    assert(this.#buffer, `the memory of ${this.#label} is used after close`);
    return this.#buffer;
  }

  /** Detaches the buffer first, so that a view somebody kept reads nothing instead of memory that is gone. */
  close(): void {
    if (this.#buffer) {
      this.#buffer.transfer(0);
      this.#buffer = undefined;
      munmap(this.#address, this.#mappedLength);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

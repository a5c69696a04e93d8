import { strict as assert } from 'node:assert';
import { throwLastError } from './kernel-error.ts';
import { MAP_FIXED, MAP_SHARED, mmap, munmap, pageSize, viewMemory } from './libc.ts';

/** Shared memory of a file descriptor as an ArrayBuffer of exactly `length` bytes, until `close`. */
export class MemoryMapping {
  readonly #label: string;
  readonly #fd: number;
  readonly #protection: number;
  readonly #address: bigint;
  readonly #mappedLength: number;
  #buffer: ArrayBuffer | undefined;

  /** `protection` is PROT_READ, or PROT_READ | PROT_WRITE; writing through the former crashes the process. Throws a KernelError. */
  constructor(label: string, fd: number, offset: number, length: number, protection: number) {
    this.#label = label;
    this.#fd = fd;
    this.#protection = protection;
    this.#mappedLength = Math.ceil(length / pageSize) * pageSize;
    this.#address = this.#map(null, MAP_SHARED, offset);
    this.#buffer = viewMemory(this.#address, length);
  }

  get buffer(): ArrayBuffer {
    assert(this.#buffer, `the memory of ${this.#label} is used after close`);
    return this.#buffer;
  }

  /** Shows the part of the file from `offset`, a multiple of the page size, in the same buffer. Throws a KernelError, and is closed then. */
  moveTo(offset: number): void {
    assert(this.#buffer, `the memory of ${this.#label} is moved after close`);
    try {
      this.#map(this.#address, MAP_SHARED | MAP_FIXED, offset);
    } catch (error) {
      /* The old pages may be gone already. */
      this.close();
      throw error;
    }
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

  #map(at: bigint | null, flags: number, offset: number): bigint {
    const address = BigInt(mmap(at, this.#mappedLength, this.#protection, flags, this.#fd, offset));
    if (address === -1n) {
      throwLastError(
        `mmap ${this.#label}`,
        'the map must be a ring buffer, or an array with BPF_F_MMAPABLE, and not read-only',
      );
    }
    return address;
  }
}

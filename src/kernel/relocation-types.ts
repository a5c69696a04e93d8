import { closeSync, existsSync, readFileSync, writeSync } from 'node:fs';
import { readElfSection } from '../ebpf/elf-reader.ts';
import { reduceBtf } from '../ebpf/reduced-btf.ts';
import { throwLastError } from './kernel-error.ts';
import { MFD_CLOEXEC, memfdCreate } from './libc.ts';

const kernelTypes = '/sys/kernel/btf/vmlinux';

/**
 * The kernel's types as far as relocations of some objects look at them, as a file in memory. With it libbpf needs half the
 * time to load an object: otherwise it compares the names of all types of the kernel with each it looks for.
 */
export class RelocationTypes {
  readonly #fd: number;

  /** Throws a KernelError. */
  private constructor(content: Uint8Array) {
    this.#fd = memfdCreate('relocation-types', MFD_CLOEXEC);
    if (this.#fd < 0) throwLastError('create a memory file for types');
    for (let written = 0; written < content.length; ) written += writeSync(this.#fd, content, written);
  }

  /** For these ELF objects, and those that are linked with them. Undefined where the kernel has no type information. */
  static of(objects: readonly Uint8Array[]): RelocationTypes | undefined {
    if (!existsSync(kernelTypes)) return undefined;
    const local = objects.flatMap((object) => readElfSection(object, '.BTF') ?? []);
    return new RelocationTypes(reduceBtf(readFileSync(kernelTypes), local));
  }

  /** For `BpfObject.open`, until `close`. */
  get path(): string {
    return `/proc/self/fd/${this.#fd}`;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

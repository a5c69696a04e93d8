import { existsSync, readFileSync } from 'node:fs';
import { BtfFile } from '../ebpf/btf-reader.ts';

const VMLINUX_BTF = '/sys/kernel/btf/vmlinux';
/** Policies are compiled in one go, which takes most of it; the memory is not needed afterwards. */
const KEPT_MS = 1000;

/** Whether the running kernel was built with BTF. */
export function hasKernelBtf(): boolean {
  return existsSync(VMLINUX_BTF);
}

/** The running kernel's own BTF: some 6 MB that are read when they are asked for, and given back a second later. */
export class KernelBtf {
  #file: BtfFile | undefined;

  /** Valid until the caller returns to the event loop. Throws the system's error when there is none. */
  get file(): BtfFile {
    this.#file ??= this.#read();
    return this.#file;
  }

  #read(): BtfFile {
    const bytes = readFileSync(VMLINUX_BTF);
    setTimeout(() => this.#release(bytes.buffer), KEPT_MS).unref();
    return BtfFile.parse(bytes);
  }

  /** Detached memory is given back at once, not when garbage is collected. */
  #release(memory: ArrayBuffer): void {
    this.#file = undefined;
    memory.transfer(0);
  }
}

import { strict as assert } from 'node:assert';
import type { Handle } from './handle.ts';
import { checkResult } from './kernel-error.ts';
import {
  type Address,
  programAutoload,
  programFd,
  programInstructionCount,
  programSection,
  programSetAttachTarget,
  programSetAutoload,
  programSetExpectedAttachType,
  programSetType,
  programTypeByName,
} from './libbpf.ts';
import { withWarnings } from './libbpf-messages.ts';

/** A program of a BpfObject, which owns it. */
export class ObjectProgram {
  readonly name: string;
  readonly #object: Handle;
  readonly #address: Address;

  /** For BpfObject. */
  constructor(object: Handle, address: Address, name: string) {
    this.name = name;
    this.#object = object;
    this.#address = address;
  }

  get address(): Address {
    assert(!this.#object.closed, `program "${this.name}" is used after ${this.#object.label} was closed`);
    return this.#address;
  }

  /** The file descriptor, owned by the object; an assertion error before load and for a program that is not loaded. */
  get fd(): number {
    const fd = programFd(this.address);
    assert(fd >= 0, `program "${this.name}" has no file descriptor: it is not loaded`);
    return fd;
  }

  /** The ELF section: `fentry/security_file_open`. */
  get section(): string {
    return programSection(this.address);
  }

  get autoload(): boolean {
    return programAutoload(this.address);
  }

  /** eBPF instructions, the functions it calls included once the object is loaded. */
  get instructionCount(): number {
    return programInstructionCount(this.address);
  }

  /** Whether load takes this program; all but those of unknown section types are taken by default. */
  setAutoload(load: boolean): void {
    checkResult(`set autoload of program "${this.name}"`, programSetAutoload(this.address, load));
  }

  /**
   * The kernel function (or LSM hook: `file_open`) a tracing or LSM program is for. Throws a KernelError when the kernel's BTF
   * does not have it.
   */
  setAttachTarget(functionName: string): void {
    const { result } = withWarnings(() => programSetAttachTarget(this.address, 0, functionName));
    checkResult(`set attach target of program "${this.name}" to "${functionName}"`, result);
  }

  /** The type a libbpf section name stands for: `kprobe`, `kprobe.multi`, `fentry`, `fmod_ret`, `lsm`, `raw_tp`, `tracepoint`. */
  setType(section: string): void {
    const type = new Int32Array(new ArrayBuffer(4));
    const attachType = new Int32Array(new ArrayBuffer(4));
    const { result } = withWarnings(() => programTypeByName(section, type, attachType));
    checkResult(`find the program type of section "${section}"`, result);
    checkResult(`set type of program "${this.name}"`, programSetType(this.address, type[0]!));
    checkResult(
      `set attach type of program "${this.name}"`,
      programSetExpectedAttachType(this.address, attachType[0]!),
    );
  }
}

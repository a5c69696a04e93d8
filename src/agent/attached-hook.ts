import { dispatcherMaps, generationSlots, writeDispatcher } from '../compiler/dispatcher.ts';
import type { Link } from '../kernel/attach.ts';
import type { BpfMap } from '../kernel/bpf-map.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';
import { missedRuns } from '../kernel/program-info.ts';
import { programStats } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';

/**
 * A place in the kernel that jumps into the active generation. It stays attached while programs behind it come and
 * go; a generation without a program here lets every call pass.
 */
export class AttachedHook {
  readonly section: string;
  readonly #object: BpfObject;
  readonly #program: ObjectProgram;
  readonly #slots: BpfMap;
  #link: Link | undefined;

  /** Loads the dispatcher for a libbpf section such as `fentry/security_file_open`. Throws a KernelError. */
  constructor(section: string, generation: BpfMap) {
    this.section = section;
    const name = `d_${section.slice(section.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_]/g, '_')}`;
    this.#object = BpfObject.open(writeDispatcher(section, name), 'dispatcher');
    try {
      this.#object.map(dispatcherMaps.generation).reuse(generation.fd);
      this.#object.load();
    } catch (error) {
      this.#object.close();
      throw error;
    }
    this.#program = this.#object.program(name);
    this.#slots = this.#object.map(dispatcherMaps.slots).open();
  }

  /** The kernel's number of the dispatcher, on which it accounts the run time of the programs behind it too. */
  get programId(): number {
    return programStats(this.#program.fd).id;
  }

  /** Starts to intercept. Throws a KernelError. */
  attach(): void {
    if (this.#link !== undefined) return;
    this.#link = attachSection(this.#program);
  }

  /** Calls that the kernel let pass without running the dispatcher. */
  missedRuns(): number {
    return missedRuns(this.#program.fd);
  }

  /** Sets what a generation runs here. */
  setProgram(slot: number, programFd: number): void {
    this.#slots.update(word(slot), word(programFd));
  }

  /** The same program for every generation: nobody is between two of them any more. */
  setEveryProgram(programFd: number): void {
    for (let slot = 0; slot < generationSlots; slot++) this.setProgram(slot, programFd);
  }

  /** Calls pass in a generation that has no program here. */
  clearProgram(slot: number): void {
    this.#slots.delete(word(slot));
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#object.close();
  }
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

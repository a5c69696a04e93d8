import { closeSync } from 'node:fs';
import path from 'node:path';
import { dispatcherMaps, generationSlots, writeDispatcher } from '../compiler/dispatcher.ts';
import type { Link } from '../kernel/attach.ts';
import { BpfMap } from '../kernel/bpf-map.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';
import { openPinned, pinDescriptor, removePins, renamePins } from '../kernel/pins.ts';
import { missedRuns } from '../kernel/program-info.ts';
import { type ProgramStats, programStats } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';

/** What this process holds of a dispatcher. */
interface Parts {
  readonly slots: BpfMap;
  readonly programFd: number;
  /** Closes `slots` and `programFd`. */
  readonly close: () => void;
}

/**
 * A place in the kernel that jumps into the active generation. It stays attached while programs behind it come and
 * go; a generation without a program here lets every call pass. A kept one goes on without this process, with the programs
 * that are in its slots: the pin of the slots counts as a user of theirs, without which the kernel would empty them.
 */
export class AttachedHook {
  readonly #parts: Parts;
  /** Undefined before `attach`, and for a hook that an earlier agent attached. */
  #link: Link | undefined;
  /** Where it is kept. */
  #folder: string | undefined;
  readonly #program: ObjectProgram | undefined;

  private constructor(parts: Parts, program: ObjectProgram | undefined, folder: string | undefined) {
    this.#parts = parts;
    this.#program = program;
    this.#folder = folder;
  }

  /** Loads the dispatcher for a libbpf section such as `fentry/security_file_open`. Throws a KernelError. */
  static load(section: string, generation: BpfMap): AttachedHook {
    const name = `d_${section.slice(section.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9_]/g, '_')}`;
    const object = BpfObject.open(writeDispatcher(section, name), 'dispatcher');
    try {
      object.map(dispatcherMaps.generation).reuse(generation.fd);
      object.load();
    } catch (error) {
      object.close();
      throw error;
    }
    const program = object.program(name);
    const slots = object.map(dispatcherMaps.slots).open();
    return new AttachedHook({ slots, programFd: program.fd, close: () => object.close() }, program, undefined);
  }

  /** Takes over what an earlier agent kept in `folder`. Throws a KernelError. */
  static adopt(folder: string): AttachedHook {
    const slots = BpfMap.openPinned(path.join(folder, 'slots'));
    const programFd = openPinned(path.join(folder, 'program'));
    const close = () => {
      slots.close();
      closeSync(programFd);
    };
    return new AttachedHook({ slots, programFd, close }, undefined, folder);
  }

  /** The kernel's number of the dispatcher, on which it accounts the run time of the programs behind it too. */
  get programId(): number {
    return programStats(this.#parts.programFd).id;
  }

  /** What the kernel counted of it, while statistics were on. */
  stats(): ProgramStats {
    return programStats(this.#parts.programFd);
  }

  /** Starts to intercept. Throws a KernelError. */
  attach(): void {
    if (this.#link !== undefined || this.#program === undefined) return;
    this.#link = attachSection(this.#program);
  }

  /** Makes the attached hook outlive this process: pins its parts in `unfinished`, then gives that folder its name. Throws a KernelError. */
  keep(unfinished: string, folder: string): void {
    pinDescriptor(this.#parts.slots.fd, path.join(unfinished, 'slots'));
    pinDescriptor(this.#parts.programFd, path.join(unfinished, 'program'));
    this.#link?.pin(path.join(unfinished, 'link'));
    renamePins(unfinished, folder);
    this.#folder = folder;
  }

  /** Calls that the kernel let pass without running the dispatcher. */
  missedRuns(): number {
    return missedRuns(this.#parts.programFd);
  }

  /** Sets what a generation runs here. */
  setProgram(slot: number, programFd: number): void {
    this.#parts.slots.update(word(slot), word(programFd));
  }

  /** The same program for every generation: nobody is between two of them any more. */
  setEveryProgram(programFd: number): void {
    for (let slot = 0; slot < generationSlots; slot++) this.setProgram(slot, programFd);
  }

  /** Calls pass in a generation that has no program here. */
  clearProgram(slot: number): void {
    this.#parts.slots.delete(word(slot));
  }

  /** Detaches it, kept or not. */
  close(): void {
    if (this.#folder !== undefined) removePins(this.#folder, ['link']);
    this.#folder = undefined;
    this.#link?.close();
    this.#link = undefined;
    this.#parts.close();
  }

  /** Ends the hold of this process: a kept hook stays attached. */
  letGo(): void {
    if (this.#folder === undefined) {
      this.close();
      return;
    }
    this.#link?.letGo();
    this.#link = undefined;
    this.#parts.close();
  }
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

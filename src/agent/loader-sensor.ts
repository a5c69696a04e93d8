import { randomBytes } from 'node:crypto';
import type { Link } from '../kernel/attach.ts';
import { BpfObject } from '../kernel/bpf-object.ts';
import { MappingEvents } from '../kernel/mapping-events.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';
import { missedRuns, programMemoryBytes } from '../kernel/program-info.ts';
import { programStats } from '../kernel/program-stats.ts';
import { attachSection } from './attach-section.ts';
import type { ProgramEntry } from './hooks-file.ts';
import type { SharedMaps } from './shared-maps.ts';

const programName = 'process_loader';

interface Running {
  readonly object: BpfObject;
  readonly program: ObjectProgram;
  readonly link: Link;
  readonly events: MappingEvents;
}

/**
 * Reports files that are mapped to be executed, while a policy has `loader: true`. It ends with the agent: the kernel
 * looks at mappings as long as the agent has its perf events open.
 */
export class LoaderSensor {
  readonly #bytes: Uint8Array;
  readonly #maps: SharedMaps;
  #running: Running | undefined;

  /** `bytes` is the compiled `loader.o`, which is loaded when it is first needed. */
  constructor(bytes: Uint8Array, maps: SharedMaps) {
    this.#bytes = bytes;
    this.#maps = maps;
  }

  get isOn(): boolean {
    return this.#running !== undefined;
  }

  /** Throws a KernelError; nothing is changed then. */
  switchOn(): void {
    this.#running ??= this.#start();
  }

  switchOff(): void {
    const running = this.#running;
    this.#running = undefined;
    running?.events.close();
    running?.link.close();
    running?.object.close();
  }

  /** Bytes of kernel memory that are locked for the program. */
  memoryBytes(): number {
    return this.#running === undefined ? 0 : programMemoryBytes(this.#running.program.fd);
  }

  describe(): ProgramEntry[] {
    return this.#programs().map(({ name, section, fd }) => ({ name, section, programId: programStats(fd).id }));
  }

  /** Runs that the kernel skipped, by program. */
  missedRuns(): [program: string, count: number][] {
    return this.#programs().map(({ name, fd }) => [name, missedRuns(fd)]);
  }

  #programs(): ObjectProgram[] {
    return this.#running === undefined ? [] : [this.#running.program];
  }

  #start(): Running {
    const object = BpfObject.open(this.#bytes, 'loader');
    let link: Link | undefined;
    try {
      const mark = randomBytes(8).readBigUInt64LE();
      object.setGlobal('event_mark', mark);
      this.#maps.shareWith(object);
      object.load();
      const program = object.program(programName);
      link = attachSection(program);
      return { object, program, link, events: new MappingEvents(mark) };
    } catch (error) {
      link?.close();
      object.close();
      throw error;
    }
  }
}

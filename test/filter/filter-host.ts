import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sumOfCounter } from '../../src/agent/shared-maps.ts';
import { compileHook } from '../../src/compiler/compile.ts';
import type { GenerateOptions } from '../../src/compiler/generate.ts';
import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import type { KernelFacts, Parameter } from '../../src/compiler/kernel-facts.ts';
import { BtfFile } from '../../src/ebpf/btf-reader.ts';
import { keepCoreRelocations } from '../../src/ebpf/core-relocations.ts';
import { readElfSection } from '../../src/ebpf/elf-reader.ts';
import { COUNTERS, counters, frame, limits, processState } from '../../src/events/wire.ts';
import type { BpfMap } from '../../src/kernel/bpf-map.ts';
import { BpfObject } from '../../src/kernel/bpf-object.ts';
import { collectFacts } from '../../src/kernel/facts.ts';
import { linkObjects } from '../../src/kernel/linker.ts';
import { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import { possibleCpuCount } from '../../src/kernel/system.ts';
import { LoadedFilter } from './loaded-filter.ts';
import { parameterCount } from './parameters.ts';
import { hookTarget } from './sketch.ts';

const ringBytes = 1024 * 1024;
const sharedMaps = ['events', 'reserve', 'owners', 'rates', 'processes', 'pending', 'frames', 'stats'] as const;

/** Changes the instructions of an object before it is linked: for tests of the test. */
export type Tamper = (code: Uint8Array) => void;

/** `given` is true by default: values come from `InputMemory`. */
export interface LoadOptions extends GenerateOptions {
  readonly tamper?: Tamper;
}

/** The maps that all filters under test share, and what is needed to load more of them. One per process. */
export class FilterHost {
  readonly facts: KernelFacts;
  readonly ring: RingBuffer;
  readonly #runtime: Uint8Array;
  readonly #runtimeBtf: BtfFile;
  readonly #maps: BpfObject;
  readonly #processes: BpfMap;
  readonly #frames: BpfMap;
  readonly #stats: BpfMap;
  readonly #state = new Uint8Array(processState.size);

  constructor() {
    this.facts = testFacts(collectFacts({ functions: [], tracepoints: [] }));
    this.#runtime = readFileSync(path.join(import.meta.dirname, '../../build/runtime.o'));
    this.#runtimeBtf = BtfFile.parse(readElfSection(this.#runtime, '.BTF')!);
    this.#maps = BpfObject.open(linkObjects([this.#runtime]), 'filter_maps');
    this.#maps.map('events').setMaxEntries(ringBytes);
    this.#maps.map('frames').setMaxEntries(2 * possibleCpuCount() + 14);
    this.#maps.map('stats').setMaxEntries(COUNTERS * possibleCpuCount());
    this.#maps.load();
    this.#processes = this.#maps.map('processes').open();
    this.#frames = this.#maps.map('frames').open();
    this.#stats = this.#maps.map('stats').open();
    this.ring = new RingBuffer(this.#maps.map('events').open(), ringBytes);
  }

  /** Compiles and loads a plan. Throws a KernelError when the verifier refuses it. */
  load(plan: HookPlan, options: LoadOptions = {}): LoadedFilter {
    const { tamper, ...generate } = options;
    const { entry } = compileHook(plan, this.facts, this.#runtimeBtf, { given: true, ...generate });
    if (tamper) tamper(readElfSection(entry.object, entry.section)!);
    const object = BpfObject.open(
      linkObjects([keepCoreRelocations(this.#runtime, entry.externs), entry.object]),
      'filter',
    );
    try {
      for (const name of sharedMaps) object.map(name).reuse(this.#maps.map(name).fd);
      object.setGlobal('cpu_count', possibleCpuCount());
      object.load();
    } catch (error) {
      object.close();
      throw error;
    }
    return new LoadedFilter(object, entry.name, plan, this.ring);
  }

  /** Gives the process `tgid` a program; an empty path makes the process unknown. */
  setBinary(tgid: number, binary: Uint8Array): void {
    const key = new Uint8Array(Uint32Array.of(tgid).buffer);
    if (binary.length === 0) {
      this.#processes.delete(key);
      return;
    }
    const view = new DataView(this.#state.buffer);
    /* What a longer path left behind must not matter. */
    this.#state.fill(0x2f, processState.at.binary_tail);
    view.setUint32(processState.at.tgid, tgid, true);
    view.setUint32(processState.at.binary_length, binary.length, true);
    const head = binary.subarray(0, limits.BINARY_SIZE - 1);
    this.#state.set(head, processState.at.binary);
    this.#state.fill(0, processState.at.binary + head.length, processState.at.binary + head.length + 1);
    const tail = binary.subarray(-limits.BINARY_TAIL);
    this.#state.set(tail, processState.at.binary_tail + limits.BINARY_TAIL - tail.length);
    this.#processes.update(key, this.#state);
  }

  /** Fields of a frame that a run left set; each run has to leave all frames as if it had not been. */
  dirtyFrames(): string[] {
    const dirty = new Set<string>();
    for (let index = 0; index < this.#frames.maxEntries; index++) {
      const bytes = this.#frames.lookup(new Uint8Array(Uint32Array.of(index).buffer))!;
      for (const name of [
        'busy',
        'done',
        'want',
        'signals',
        'refusals',
        'call_id',
        'candidates',
        'matches',
        'atoms',
      ] as const) {
        const { offset, size, count } = frame.fields.find((field) => field.name === name)!;
        if (bytes.subarray(offset, offset + size * count).some((byte) => byte !== 0)) dirty.add(name);
      }
    }
    return [...dirty];
  }

  /** Sum of a counter over all CPUs. */
  counter(name: keyof typeof counters): number {
    return sumOfCounter(new BigUint64Array(this.#stats.mmap()), counters[name]);
  }

  close(): void {
    this.ring.close();
    this.#maps.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The hooked event gets parameters that can be read as any type. */
function testFacts(facts: KernelFacts): KernelFacts {
  const parameters = Array.from(
    { length: parameterCount },
    (_, index): Parameter => ({ name: `p${index}`, type: 'void *', size: 8, signed: false }),
  );
  const prototype = { parameters, returns: { type: 'void', size: 0, signed: false } };
  return { ...facts, rawTracepoints: { [hookTarget.event]: prototype } };
}

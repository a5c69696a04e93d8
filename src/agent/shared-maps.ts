import { COUNTERS, frame, limits, processState } from '../events/wire.ts';
import { BpfMap } from '../kernel/bpf-map.ts';
import type { BpfObject } from '../kernel/bpf-object.ts';
import { possibleCpuCount } from '../kernel/system.ts';

/** As in `bpf/kprobes/frames.h`: two frames for each CPU and a reserve. */
const framesPerCpu = 2;
const framesReserve = 14;
const pendingKeySize = 16;

export interface SharedMapsOptions {
  /** Bytes of the event ring, a power of two. */
  readonly ringSize?: number;
}

/**
 * The maps that the process sensors and all hook programs of all generations work on. `bpf/include/maps.h` says who
 * writes and deletes in each, and what happens when it is full.
 */
export class SharedMaps {
  readonly events: BpfMap;
  readonly processes: BpfMap;
  readonly stats: BpfMap;
  readonly frames: BpfMap;
  readonly pending: BpfMap;
  readonly cpuCount: number = possibleCpuCount();

  constructor(options: SharedMapsOptions = {}) {
    const ringSize = options.ringSize ?? limits.RING_SIZE;
    this.events = BpfMap.create({ type: 'ringBuffer', name: 'events', keySize: 0, valueSize: 0, maxEntries: ringSize });
    this.processes = BpfMap.create({
      type: 'hash',
      name: 'processes',
      keySize: 4,
      valueSize: processState.size,
      maxEntries: limits.PROCESSES,
    });
    this.stats = BpfMap.create({ type: 'percpuArray', name: 'stats', keySize: 4, valueSize: 8, maxEntries: COUNTERS });
    this.frames = BpfMap.create({
      type: 'array',
      name: 'frames',
      keySize: 4,
      valueSize: frame.size,
      maxEntries: framesPerCpu * this.cpuCount + framesReserve,
    });
    this.pending = BpfMap.create({
      type: 'hash',
      name: 'pending',
      keySize: pendingKeySize,
      valueSize: 8,
      maxEntries: limits.PENDING_RETURNS,
    });
  }

  /** Makes an object that is about to be loaded use these maps. */
  shareWith(object: BpfObject): void {
    const names = new Set(object.mapNames());
    for (const map of this.#all()) if (names.has(map.name)) object.map(map.name).reuse(map.fd);
    if (names.has('.rodata')) object.setGlobal('cpu_count', this.cpuCount);
  }

  /** The counter's sum over all CPUs. */
  counter(index: number): number {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(index);
    const values = this.stats.lookup(key);
    if (values === undefined) return 0;
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
    let sum = 0;
    for (let at = 0; at < values.byteLength; at += 8) sum += Number(view.getBigUint64(at, true));
    return sum;
  }

  close(): void {
    for (const map of this.#all()) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #all(): BpfMap[] {
    return [this.events, this.processes, this.stats, this.frames, this.pending];
  }
}

import { COUNTERS, cgroupRate, frame, limits, processState, reserveShare } from '../events/wire.ts';
import { BPF_F_MMAPABLE, BpfMap } from '../kernel/bpf-map.ts';
import type { BpfObject } from '../kernel/bpf-object.ts';
import { possibleCpuCount } from '../kernel/system.ts';
import type { CgroupRate } from './cgroup-rate.ts';

/** As in `bpf/kprobes/frames.h`: two frames for each CPU and a reserve. */
const framesPerCpu = 2;
const framesReserve = 14;
const pendingKeySize = 16;

export interface SharedMapsOptions {
  /** Bytes of the event ring, a power of two. */
  readonly ringSize?: number;
  /** Undefined: no limit. */
  readonly cgroupRate?: CgroupRate | undefined;
}

/**
 * The maps that the process sensors and all hook programs of all generations work on. `bpf/include/maps.h` says who
 * writes and deletes in each, and what happens when it is full.
 */
export class SharedMaps {
  readonly events: BpfMap;
  readonly reserve: BpfMap;
  readonly owners: BpfMap;
  readonly rates: BpfMap;
  readonly processes: BpfMap;
  readonly stats: BpfMap;
  readonly frames: BpfMap;
  readonly pending: BpfMap;
  readonly cpuCount: number = possibleCpuCount();
  readonly #cgroupRate: CgroupRate | undefined;
  readonly #counters: BigUint64Array;

  constructor(options: SharedMapsOptions = {}) {
    this.#cgroupRate = options.cgroupRate;
    this.events = createRing('events', options.ringSize ?? limits.RING_SIZE);
    this.reserve = createRing('reserve', limits.RESERVE_SIZE);
    this.owners = BpfMap.create({
      type: 'lruHash',
      name: 'owners',
      keySize: 8,
      valueSize: reserveShare.size,
      maxEntries: limits.RESERVE_OWNERS,
    });
    this.rates = BpfMap.create({
      type: 'lruPercpuHash',
      name: 'rates',
      keySize: 8,
      valueSize: cgroupRate.size,
      /* Programs do not touch it then. */
      maxEntries: options.cgroupRate === undefined ? 1 : limits.CGROUP_RATES,
    });
    this.processes = BpfMap.create({
      type: 'hash',
      name: 'processes',
      keySize: 4,
      valueSize: processState.size,
      maxEntries: limits.PROCESSES,
    });
    this.stats = BpfMap.create({
      type: 'array',
      name: 'stats',
      keySize: 4,
      valueSize: 8,
      maxEntries: COUNTERS * this.cpuCount,
      flags: BPF_F_MMAPABLE,
    });
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
    this.#counters = new BigUint64Array(this.stats.mmap());
  }

  /** Makes an object that is about to be loaded use these maps. */
  shareWith(object: BpfObject): void {
    const names = new Set(object.mapNames());
    for (const map of this.#all()) if (names.has(map.name)) object.map(map.name).reuse(map.fd);
    if (names.has('frames')) object.setGlobal('cpu_count', this.cpuCount);
    if (this.#cgroupRate === undefined) return;
    object.setGlobal('cgroup_rate_events', BigInt(this.#cgroupRate.events));
    object.setGlobal('cgroup_rate_interval', BigInt(this.#cgroupRate.intervalMs) * 1_000_000n);
  }

  /** The counter's sum over all CPUs, from memory that is shared with the kernel. */
  counter(index: number): number {
    return sumOfCounter(this.#counters, index);
  }

  close(): void {
    for (const map of this.#all()) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #all(): BpfMap[] {
    return [this.events, this.reserve, this.owners, this.rates, this.processes, this.stats, this.frames, this.pending];
  }
}

/** `counters` is the memory of the map `stats`: COUNTERS for each CPU. */
export function sumOfCounter(counters: BigUint64Array, index: number): number {
  let sum = 0;
  for (let at = index; at < counters.length; at += COUNTERS) sum += Number(counters[at]);
  return sum;
}

function createRing(name: string, size: number): BpfMap {
  return BpfMap.create({ type: 'ringBuffer', name, keySize: 0, valueSize: 0, maxEntries: size });
}

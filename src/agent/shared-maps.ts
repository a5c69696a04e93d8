import { COUNTERS, cgroupRate, frame, limits, processState, reserveShare } from '../events/wire.ts';
import { BPF_F_MMAPABLE, BpfMap, type MapDefinition } from '../kernel/bpf-map.ts';
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

/** Makes a map, or opens the one of this definition that an earlier agent made. */
export type MakeMap = (definition: MapDefinition) => BpfMap;

/** The shared maps by name. */
export function sharedMapDefinitions({ ringSize = limits.RING_SIZE, cgroupRate: rate }: SharedMapsOptions) {
  const cpuCount = possibleCpuCount();
  const frames = framesPerCpu * cpuCount + framesReserve;
  const statsFlags = BPF_F_MMAPABLE;
  /* Without a limit programs do not touch it. */
  const rates = rate === undefined ? 1 : limits.CGROUP_RATES;
  const maps = {
    events: { type: 'ringBuffer', keySize: 0, valueSize: 0, maxEntries: ringSize },
    reserve: { type: 'ringBuffer', keySize: 0, valueSize: 0, maxEntries: limits.RESERVE_SIZE },
    owners: { type: 'lruHash', keySize: 8, valueSize: reserveShare.size, maxEntries: limits.RESERVE_OWNERS },
    rates: { type: 'lruPercpuHash', keySize: 8, valueSize: cgroupRate.size, maxEntries: rates },
    processes: { type: 'hash', keySize: 4, valueSize: processState.size, maxEntries: limits.PROCESSES },
    stats: { type: 'array', keySize: 4, valueSize: 8, maxEntries: COUNTERS * cpuCount, flags: statsFlags },
    frames: { type: 'array', keySize: 4, valueSize: frame.size, maxEntries: frames },
    pending: { type: 'hash', keySize: pendingKeySize, valueSize: 8, maxEntries: limits.PENDING_RETURNS },
  } as const satisfies Record<string, Omit<MapDefinition, 'name'>>;
  const named = Object.entries(maps).map(([name, definition]): [string, MapDefinition] => [
    name,
    { ...definition, name },
  ]);
  return Object.fromEntries(named) as Record<keyof typeof maps, MapDefinition>;
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

  constructor(options: SharedMapsOptions = {}, make: MakeMap = BpfMap.create) {
    const definitions = sharedMapDefinitions(options);
    this.#cgroupRate = options.cgroupRate;
    this.events = make(definitions.events);
    this.reserve = make(definitions.reserve);
    this.owners = make(definitions.owners);
    this.rates = make(definitions.rates);
    this.processes = make(definitions.processes);
    this.stats = make(definitions.stats);
    this.frames = make(definitions.frames);
    this.pending = make(definitions.pending);
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

  /** How full the maps are whose elements come and go. */
  occupancy(): { readonly name: string; readonly entries: number; readonly capacity: number }[] {
    const maps = [this.processes, this.pending, this.owners, ...(this.#cgroupRate === undefined ? [] : [this.rates])];
    return maps.map((map) => ({ name: map.name, entries: map.countKeys(), capacity: map.maxEntries }));
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

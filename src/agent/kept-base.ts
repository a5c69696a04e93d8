import { strict as assert } from 'node:assert';
import { closeSync, existsSync } from 'node:fs';
import path from 'node:path';
import { COUNTERS } from '../events/wire.ts';
import type { Link } from '../kernel/attach.ts';
import { BPF_F_MMAPABLE, BpfMap, type MapDefinition } from '../kernel/bpf-map.ts';
import {
  listPins,
  makePinFolder,
  nameOfPin,
  openPinned,
  pinDescriptor,
  pinName,
  removePins,
  renamePins,
} from '../kernel/pins.ts';
import { RingBuffer } from '../kernel/ring-buffer.ts';
import { KeptPlans } from './kept-plans.ts';

const reportedMap: MapDefinition = {
  type: 'array',
  name: 'reported',
  keySize: 4,
  valueSize: 8,
  maxEntries: COUNTERS,
  flags: BPF_F_MMAPABLE,
};

/** A program of a sensor that was attached by an earlier agent. */
export interface KeptProgram {
  readonly name: string;
  /** Where it is attached, as libbpf writes it. */
  readonly section: string;
  readonly fd: number;
}

/**
 * The maps that all programs share and the process sensors, kept together: one is of no use without the other.
 *
 *     MAP                   each map of SharedMaps
 *     reported              counters as they were last reported
 *     sensors/NAME SECTION/ {program, link}
 *     plans/ID              see KeptPlans
 */
export class KeptBase {
  readonly name: string;
  /** Whether an earlier agent has made it: its sensors run, and its ring may hold records. */
  readonly isAdopted: boolean;
  readonly plans: KeptPlans;
  /** By counter: what has been reported as lost. Shared with later agents. */
  readonly reported: BigUint64Array;
  readonly #root: string;
  readonly #reportedMap: BpfMap;
  readonly #adopted: KeptProgram[] = [];
  #folder: string;

  constructor(root: string, name: string) {
    this.name = name;
    this.#root = root;
    this.isAdopted = existsSync(path.join(root, name));
    this.#folder = path.join(root, this.isAdopted ? name : `new-${name}`);
    if (!this.isAdopted) makePinFolder(this.#folder);
    this.plans = new KeptPlans(() => path.join(this.#folder, 'plans'));
    this.#reportedMap = this.map(reportedMap);
    this.reported = new BigUint64Array(this.#reportedMap.mmap());
  }

  /** The map of this name, made if the base is new. Throws a KernelError. */
  map(definition: MapDefinition): BpfMap {
    const file = path.join(this.#folder, definition.name);
    if (this.isAdopted) return openMap(file, definition);
    const map = BpfMap.create(definition);
    map.pin(file);
    return map;
  }

  /** The programs of the sensors that run already; their descriptors are closed with the base. */
  adoptSensors(): readonly KeptProgram[] {
    assert(this.isAdopted, 'a new base has no sensors');
    const folder = path.join(this.#folder, 'sensors');
    for (const file of listPins(folder)) {
      const [name = '', section = ''] = nameOfPin(file).split(' ');
      this.#adopted.push({ name, section, fd: openPinned(path.join(folder, file, 'program')) });
    }
    return this.#adopted;
  }

  /** Keeps a sensor that is attached. Throws a KernelError. */
  keepSensor(program: KeptProgram, link: Link): void {
    const folder = path.join(this.#folder, 'sensors', pinName(`${program.name} ${program.section}`));
    makePinFolder(folder);
    pinDescriptor(program.fd, path.join(folder, 'program'));
    link.pin(path.join(folder, 'link'));
  }

  /** To be called when all maps are made and all sensors are kept: from now on another agent takes them over. */
  complete(): void {
    if (this.isAdopted) return;
    const folder = path.join(this.#root, this.name);
    renamePins(this.#folder, folder);
    this.#folder = folder;
  }

  /** Lets go; what is complete stays. */
  close(): void {
    this.#reportedMap.close();
    for (const { fd } of this.#adopted.splice(0)) closeSync(fd);
    if (this.#folder !== path.join(this.#root, this.name)) removePins(this.#folder, ['link']);
  }

  /** Records in the rings of a base that nobody will read. */
  static countUnread(folder: string): number {
    let records = 0;
    for (const name of ['events', 'reserve'].filter((ring) => existsSync(path.join(folder, ring)))) {
      const map = BpfMap.openPinned(path.join(folder, name));
      const ring = new RingBuffer(map);
      records += ring.consume(() => {});
      ring.close();
      map.close();
    }
    return records;
  }
}

function openMap(file: string, definition: MapDefinition): BpfMap {
  const map = BpfMap.openPinned(file);
  const { keySize, valueSize, maxEntries, flags = 0 } = definition;
  const expected = [keySize, valueSize, maxEntries];
  /* The fingerprint of the base includes them. */
  assert.deepEqual([map.keySize, map.valueSize, map.maxEntries], expected, `${file} is not the map it should be`);
  assert.equal(map.flags & flags, flags, `${file} is not the map it should be`);
  return map;
}

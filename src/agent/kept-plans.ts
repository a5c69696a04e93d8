import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { EventPlan } from '../events/event-plan.ts';
import { BPF_F_MMAPABLE, BpfMap } from '../kernel/bpf-map.ts';
import { listPins, makePinFolder, removePins } from '../kernel/pins.ts';

/** What another agent has to know of a program: the meaning of its records. */
export interface KeptPlan {
  /** Of the attach point, as in HookPlan. */
  readonly key: string;
  /** Joins calls with their returns. */
  readonly hookId: number;
  readonly events: EventPlan;
}

const chunkBytes = 4096;
const lengthBytes = 8;
/** Programs that were replaced: their last records are read long before so many more were replaced. */
const retiredLimit = 64;
const retiredMs = 10_000;

/**
 * The meaning of records, kept in the kernel beside the ring that holds them: each plan is the content of a map of its own,
 * written before its program runs and removed some time after it has stopped.
 */
export class KeptPlans {
  readonly #folder: () => string;
  #retired: readonly { readonly planId: number; readonly atMs: number }[] = [];

  constructor(folder: () => string) {
    this.#folder = folder;
  }

  /** What earlier agents left, by plan id. A plan that cannot be read is removed: its records are counted as unknown. */
  load(): ReadonlyMap<number, KeptPlan> {
    const plans = new Map<number, KeptPlan>();
    for (const name of listPins(this.#folder())) {
      const plan = readPlan(this.#file(name));
      if (plan === undefined) removePins(this.#file(name));
      else plans.set(plan.events.planId, plan);
    }
    return plans;
  }

  /** Throws a KernelError. */
  save(plan: KeptPlan): void {
    const content = serialize(plan);
    makePinFolder(this.#folder());
    const map = BpfMap.create({
      type: 'array',
      name: 'plan',
      keySize: 4,
      valueSize: chunkBytes,
      maxEntries: Math.ceil((lengthBytes + content.length) / chunkBytes),
      flags: BPF_F_MMAPABLE,
    });
    try {
      const memory = Buffer.from(map.mmap());
      memory.writeBigUInt64LE(BigInt(content.length));
      content.copy(memory, lengthBytes);
      map.pin(this.#file(String(plan.events.planId)));
    } finally {
      map.close();
    }
  }

  /** The program has stopped; its last records may still be in the ring. */
  retire(planId: number): void {
    this.#retired = [...this.#retired, { planId, atMs: performance.now() }];
    this.removeRetired();
  }

  /** To be called now and then. */
  removeRetired(): void {
    const deadline = performance.now() - retiredMs;
    const over = this.#retired.filter(
      ({ atMs }, index) => atMs <= deadline || index < this.#retired.length - retiredLimit,
    );
    for (const { planId } of over) removePins(this.#file(String(planId)));
    this.#retired = this.#retired.slice(over.length);
  }

  #file(name: string): string {
    return path.join(this.#folder(), name);
  }
}

function readPlan(file: string): KeptPlan | undefined {
  const map = BpfMap.openPinned(file);
  try {
    const memory = Buffer.from(map.mmap());
    const length = Number(memory.readBigUInt64LE());
    return deserialize(memory.subarray(lengthBytes, lengthBytes + length)) as KeptPlan;
  } catch {
    return undefined;
  } finally {
    map.close();
  }
}

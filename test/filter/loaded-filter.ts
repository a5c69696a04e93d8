import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import type { HookRecord } from '../../src/events/decode.ts';
import { HookDecoder } from '../../src/events/hooks/hook-decoder.ts';
import type { BpfObject } from '../../src/kernel/bpf-object.ts';
import type { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import { testRun } from '../../src/kernel/test-run.ts';

/** What one call came to. */
export interface Outcome {
  /** Match bits in ascending order; undefined when no record was sent. */
  readonly matches: readonly number[] | undefined;
  /** What the hooked function would return: 0 lets the call pass. */
  readonly returnValue: number;
}

/** A compiled plan in the kernel, run without being attached. */
export class LoadedFilter {
  readonly plan: HookPlan;
  readonly #object: BpfObject;
  readonly #fd: number;
  readonly #instructions: number;
  readonly #ring: RingBuffer;

  constructor(object: BpfObject, program: string, plan: HookPlan, ring: RingBuffer) {
    this.#object = object;
    const { fd, instructionCount } = object.program(program);
    this.#fd = fd;
    this.#instructions = instructionCount;
    this.plan = plan;
    this.#ring = ring;
  }

  /** eBPF instructions, those of the runtime functions it calls included. */
  get instructionCount(): number {
    return this.#instructions;
  }

  run(context: Uint8Array): Outcome {
    let matches: number[] | undefined;
    const returnValue = this.runWithRecord(context, (record) => {
      matches = readMatches(record);
    });
    return { matches, returnValue };
  }

  /** The record is valid while `visit` runs. Throws when there is more than one, or one that cannot be decoded. */
  runWithRecord(context: Uint8Array, visit: (record: HookRecord) => void): number {
    const { returnValue } = testRun(this.#fd, { context });
    const decoder = new HookDecoder();
    let records = 0;
    this.#ring.consume((data, offset, length) => {
      const { record } = decoder;
      const error = decoder.decode(data, offset, length);
      if (error !== undefined) throw new Error(`a record of the filter is ${error}`);
      if (record.planId !== this.plan.planId)
        throw new Error(`a record is of plan ${record.planId}, not ${this.plan.planId}`);
      if (++records > 1) throw new Error('one call sent more than one record');
      visit(record);
    });
    return returnValue | 0;
  }

  close(): void {
    this.#object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function readMatches({ buffer, matchStart, matchWords }: HookRecord): number[] {
  const matches: number[] = [];
  for (let word = 0; word < 2 * matchWords; word++) {
    for (let bits = buffer.readUInt32LE(matchStart + 4 * word); bits !== 0; bits &= bits - 1) {
      matches.push(32 * word + (31 - Math.clz32(bits & -bits)));
    }
  }
  return matches;
}

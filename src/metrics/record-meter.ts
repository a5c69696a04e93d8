import type { RecordHandler } from '../events/event-pipeline.ts';
import { recordHeader, recordKinds } from '../events/wire.ts';
import { bootTimeNs } from '../kernel/system.ts';
import { Histogram, type HistogramSeries } from './histogram.ts';

/** Opcodes of Tetragon's messages, by our kinds of records. It has several for what is one kind of record here. */
export const messageOpcodes: Readonly<Record<keyof typeof recordKinds, number>> = {
  EXEC: 5,
  FORK: 23,
  EXIT: 7,
  HOOK: 13,
  RETURN: 13,
  DATA: 24,
  THROTTLE: 27,
  LOADER: 26,
};

export interface RecordMeterOptions {
  /** Measures how long handling takes: some 200 ns for each record. */
  readonly withHandlingTimes: boolean;
  /** The clock of records; CLOCK_BOOTTIME by default. */
  readonly bootTime?: () => bigint;
}

/** Watches records on their way into the pipeline. Where there is none, nothing of this costs anything. */
export class RecordMeter {
  /** Sizes in bytes of data records, by whether they could be used. */
  readonly dataSizes = new Histogram([64, 256, 1024, 2048, 4096, 8192]);
  /** Microseconds from the record to the end of its handling, encoding for outputs included, by opcode. */
  readonly handlingTimes: Histogram | undefined;
  /** Seconds between the kernel's record and its reading, of one record in 64. */
  readonly latency = new Histogram(latencySeconds);
  readonly #counts: number[] = [];
  readonly #errors: number[] = [];
  readonly #data: { readonly ok: HistogramSeries; readonly bad: HistogramSeries };
  readonly #handling = new Map<number, HistogramSeries>();
  readonly #latency: HistogramSeries;
  readonly #bootTime: () => bigint;
  #untilSample = 1;

  constructor({ withHandlingTimes, bootTime = bootTimeNs }: RecordMeterOptions) {
    this.handlingTimes = withHandlingTimes ? new Histogram(handlingMicroseconds) : undefined;
    this.#data = { ok: this.dataSizes.add({ op: 'ok' }), bad: this.dataSizes.add({ op: 'bad' }) };
    this.#latency = this.latency.add({});
    this.#bootTime = bootTime;
  }

  /** A handler that does what `next` does and counts it. */
  watch(next: RecordHandler): RecordHandler {
    return {
      handle: (buffer, offset, length) => {
        const opcode = opcodeOf(buffer, offset, length);
        if (--this.#untilSample === 0) this.#sample(buffer, offset, length);
        const start = this.handlingTimes === undefined ? 0 : performance.now();
        const error = next.handle(buffer, offset, length);
        if (this.handlingTimes !== undefined) this.#timesOf(opcode).record((performance.now() - start) * 1000);
        this.#counts[opcode] = (this.#counts[opcode] ?? 0) + 1;
        if (opcode === messageOpcodes.DATA) this.#data[error === undefined ? 'ok' : 'bad'].record(length);
        if (error !== undefined) this.#errors[opcode] = (this.#errors[opcode] ?? 0) + 1;
        return error;
      },
    };
  }

  /** Records by opcode, all there are; 0 is what has no kind that is known. */
  counts(): [opcode: number, count: number][] {
    return knownOpcodes.map((opcode) => [opcode, this.#counts[opcode] ?? 0]);
  }

  /** Records that could not be used: those of no kind that is known have the opcode 0. */
  errors(): [opcode: number, count: number][] {
    return knownOpcodes.map((opcode) => [opcode, this.#errors[opcode] ?? 0]);
  }

  #timesOf(opcode: number): HistogramSeries {
    let times = this.#handling.get(opcode);
    if (times === undefined) {
      times = this.handlingTimes!.add({ op: String(opcode) });
      this.#handling.set(opcode, times);
    }
    return times;
  }

  #sample(buffer: Buffer, offset: number, length: number): void {
    this.#untilSample = sampleInterval;
    if (length < recordHeader.size) return;
    const passed = this.#bootTime() - buffer.readBigUInt64LE(offset + recordHeader.at.ktime);
    this.#latency.record(Math.max(0, Number(passed)) / 1e9);
  }
}

function opcodeOf(buffer: Buffer, offset: number, length: number): number {
  if (length < recordHeader.size) return 0;
  return opcodeOfKind[buffer.readUInt16LE(offset + recordHeader.at.kind)] ?? 0;
}

const opcodeOfKind: number[] = [];
for (const [name, kind] of Object.entries(recordKinds))
  opcodeOfKind[kind] = messageOpcodes[name as keyof typeof recordKinds];
const knownOpcodes: readonly number[] = [...new Set([0, ...Object.values(messageOpcodes)])];
const sampleInterval = 64;
const handlingMicroseconds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20_000] as const;
const latencySeconds = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
] as const;

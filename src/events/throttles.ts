import type { ThrottleRecord } from './decode.ts';
import type { ThrottleEvent } from './events.ts';
import { type TextRange, wholeRange } from './processes/process.ts';

interface ThrottledCgroup {
  readonly cgroup: TextRange;
  untilLow: number;
  untilHigh: number;
}

/**
 * The cgroups whose events the kernel holds back. It says so again and again, on every CPU; here that becomes one event at
 * the start, and one when the last announced time has passed.
 */
export class Throttles {
  starts = 0;
  stops = 0;
  readonly #cgroups = new Map<bigint, ThrottledCgroup>();
  /** Earliest end, approximately: records come often, ends are rare. */
  #nextEnd = Number.POSITIVE_INFINITY;

  /** Takes a record; returns the event that it starts, or undefined when the cgroup is throttled already. */
  add(record: ThrottleRecord): ThrottleEvent | undefined {
    const { header, cgroupId, untilLow, untilHigh } = record;
    const known = this.#cgroups.get(cgroupId);
    if (known !== undefined) {
      if (timeOf(untilLow, untilHigh) > timeOf(known.untilLow, known.untilHigh)) {
        known.untilLow = untilLow;
        known.untilHigh = untilHigh;
      }
      return undefined;
    }
    const cgroup = nameOf(record);
    this.starts++;
    this.#cgroups.set(cgroupId, { cgroup, untilLow, untilHigh });
    this.#nextEnd = Math.min(this.#nextEnd, timeOf(untilLow, untilHigh));
    return throttleEvent('THROTTLE_START', cgroup, header.ktimeLow, header.ktimeHigh);
  }

  /** Whether nothing is throttled. */
  get isIdle(): boolean {
    return this.#nextEnd === Number.POSITIVE_INFINITY;
  }

  /** Ends of throttling up to a time, in their order. */
  endedBy(ktimeLow: number, ktimeHigh: number): readonly ThrottleEvent[] {
    const now = timeOf(ktimeLow, ktimeHigh);
    if (now < this.#nextEnd) return none;
    const ended = [...this.#cgroups]
      .filter(([, { untilLow, untilHigh }]) => timeOf(untilLow, untilHigh) <= now)
      .sort(([, left], [, right]) => timeOf(left.untilLow, left.untilHigh) - timeOf(right.untilLow, right.untilHigh));
    this.stops += ended.length;
    for (const [cgroupId] of ended) this.#cgroups.delete(cgroupId);
    const ends = [...this.#cgroups.values()].map(({ untilLow, untilHigh }) => timeOf(untilLow, untilHigh));
    this.#nextEnd = Math.min(...ends, Number.POSITIVE_INFINITY);
    return ended.map(([, { cgroup, untilLow, untilHigh }]) =>
      throttleEvent('THROTTLE_STOP', cgroup, untilLow, untilHigh),
    );
  }
}

/** The root has no name. */
function nameOf({ buffer, nameStart, nameLength }: ThrottleRecord): TextRange {
  return wholeRange(
    nameLength === 0 ? Buffer.from('/') : Buffer.from(buffer.subarray(nameStart, nameStart + nameLength)),
  );
}

function throttleEvent(
  type: ThrottleEvent['type'],
  cgroup: TextRange,
  ktimeLow: number,
  ktimeHigh: number,
): ThrottleEvent {
  return { kind: 'throttle', type, cgroup, ktimeLow, ktimeHigh };
}

/** Exact for 104 days, then to some nanoseconds. */
function timeOf(low: number, high: number): number {
  return high * 0x1_0000_0000 + low;
}

const none: readonly ThrottleEvent[] = [];

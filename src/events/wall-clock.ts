import type { JsonWriter } from './json/json-writer.ts';

/** Turns nanoseconds since boot, as the kernel's records carry them, into wall-clock time in UTC. */
export class WallClock {
  #offsetSeconds = 0;
  #offsetNanoseconds = 0;
  /** The second, since 1970, that `moveTo` went to last: events come many per second. */
  second = Number.NaN;
  /** That second as `2026-11-20T04:59:19`. */
  readonly dateTime = Buffer.alloc(dateTimeBytes);
  /** Nanoseconds since boot at which it begins; the low part may be negative. */
  #startLow = Number.NaN;
  #startHigh = 0;

  /** `bootToWallNs`: what to add to CLOCK_BOOTTIME to get nanoseconds since 1970. */
  constructor(bootToWallNs: bigint) {
    this.setOffset(bootToWallNs);
  }

  /** To be called again when the system's time has been set. */
  setOffset(bootToWallNs: bigint): void {
    this.#offsetSeconds = Number(bootToWallNs / billion);
    this.#offsetNanoseconds = Number(bootToWallNs % billion);
    if (this.#offsetNanoseconds < 0) {
      this.#offsetNanoseconds += 1e9;
      this.#offsetSeconds -= 1;
    }
    this.#startLow = Number.NaN;
  }

  /** Seconds and nanoseconds since 1970. */
  wallTime(ktimeLow: number, ktimeHigh: number): WallTime {
    const { seconds, nanoseconds } = splitNanoseconds(ktimeLow, ktimeHigh);
    const sum = nanoseconds + this.#offsetNanoseconds;
    const carry = sum >= 1e9 ? 1 : 0;
    return { seconds: seconds + this.#offsetSeconds + carry, nanoseconds: sum - carry * 1e9 };
  }

  /** Moves `second` and `dateTime` to a time; returns the nanoseconds that have passed of that second. */
  moveTo(ktimeLow: number, ktimeHigh: number): number {
    const passed = (ktimeHigh - this.#startHigh) * 0x1_0000_0000 + (ktimeLow - this.#startLow);
    return passed >= 0 && passed < 1e9 ? passed : this.#moveFar(ktimeLow, ktimeHigh);
  }

  /** RFC 3339 in UTC with 0, 3, 6 or 9 digits of a second, as protobuf writes a Timestamp in JSON; without quotes. */
  write(writer: JsonWriter, ktimeLow: number, ktimeHigh: number): void {
    const nanoseconds = this.moveTo(ktimeLow, ktimeHigh);
    writer.raw(this.dateTime);
    writer.fraction(nanoseconds);
    writer.byte(0x5a); // Z
  }

  /** When a process started, as all its events say. */
  startOf(process: Started): WallTime {
    process.startTime ??= this.wallTime(process.ktimeLow, process.ktimeHigh);
    return process.startTime;
  }

  #moveFar(ktimeLow: number, ktimeHigh: number): number {
    const { seconds, nanoseconds } = this.wallTime(ktimeLow, ktimeHigh);
    if (seconds !== this.second) this.dateTime.write(dateTimeText(seconds), 'latin1');
    this.second = seconds;
    this.#startLow = ktimeLow - nanoseconds;
    this.#startHigh = ktimeHigh;
    return nanoseconds;
  }
}

/** Writes a time as `WallClock.write` does. */
export function writeWallTime(writer: JsonWriter, { seconds, nanoseconds }: WallTime): void {
  writer.ascii(dateTimeText(seconds));
  writer.fraction(nanoseconds);
  writer.byte(0x5a); // Z
}

interface Started {
  /** In nanoseconds since boot. */
  readonly ktimeLow: number;
  readonly ktimeHigh: number;
  startTime: WallTime | undefined;
}

export interface WallTime {
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** Seconds since boot, rounded: for ages, not for display. */
export function approximateSeconds(ktimeLow: number, ktimeHigh: number): number {
  return (ktimeHigh * 0x1_0000_0000 + ktimeLow) / 1e9;
}

function splitNanoseconds(low: number, high: number): WallTime {
  if (high >= exactHighWords) {
    const ktime = (BigInt(high) << 32n) | BigInt(low);
    return { seconds: Number(ktime / billion), nanoseconds: Number(ktime % billion) };
  }
  // 2^32 ns are 4 s and 294967296 ns, so no intermediate result leaves the exact range of a double.
  const rest = high * 294_967_296 + low;
  const carried = Math.floor(rest / 1e9);
  return { seconds: high * 4 + carried, nanoseconds: rest - carried * 1e9 };
}

/** `2026-11-20T04:59:19`; times that no calendar of four-digit years has become the nearest that it has. */
function dateTimeText(seconds: number): string {
  const clamped = Math.min(Math.max(seconds, firstSecond), lastSecond);
  return new Date(clamped * 1000).toISOString().slice(0, dateTimeBytes);
}

const billion = 1_000_000_000n;
/** Bytes of `2026-11-20T04:59:19`. */
export const dateTimeBytes = 19;
/** 0000-01-01 and 9999-12-31T23:59:59. */
const firstSecond = -62_167_219_200;
const lastSecond = 253_402_300_799;
/** More than two years of uptime: beyond it the products would need more than 53 bits. */
const exactHighWords = 1 << 24;

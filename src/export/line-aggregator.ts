import type { AggregationOptions } from './aggregation.ts';

export interface LineAggregationOptions extends AggregationOptions {
  /** Bytes of memory for them; more ends the window too. 32 MB by default. */
  readonly maxBytes?: number;
}

/** What happened to the events so far: `taken` is the sum of the other three. */
export interface AggregationCounters {
  /** Events handed to the aggregator. */
  readonly taken: number;
  /** Lines handed on. */
  readonly lines: number;
  /** Events that are only counted, in the line of an earlier one. */
  readonly joined: number;
  /** Lines that wait for the end of the window. */
  readonly waiting: number;
}

/** An event that waits. */
interface WaitingEvent {
  /** A copy of its line, with the time at `timeStart .. timeEnd`. */
  readonly line: Buffer;
  readonly timeStart: number;
  readonly timeEnd: number;
  readonly hash: number;
  /** Of its process. */
  readonly pid: string;
  count: number;
  /** Another of the same hash. */
  next: WaitingEvent | undefined;
}

/**
 * Joins equal events of a window into one line with a count, `aggregation_info.count`. Equal are lines that differ in
 * their time at most: the same thread, program, policy, hook, arguments and return value. The joined event has the time
 * of the first.
 *
 * Only events of policies wait. All others pass at once; but an exec or exit of a process is preceded by what waits of that
 * process, so that a reader never sees an event of a process after its end, or of a program after the next one.
 */
export class LineAggregator {
  readonly #options: LineAggregationOptions;
  readonly #maxBytes: number;
  readonly #emit: (line: Buffer, start: number, end: number) => void;
  /** In the order in which they came. */
  readonly #events = new Set<WaitingEvent>();
  readonly #byHash = new Map<number, WaitingEvent>();
  readonly #byPid = new Map<string, Set<WaitingEvent>>();
  #bytes = 0;
  #taken = 0;
  #lines = 0;
  #joined = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `emit` gets lines as `add` takes them, and must take what it needs during the call. */
  constructor(options: LineAggregationOptions, emit: (line: Buffer, start: number, end: number) => void) {
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? defaultBytes;
    this.#emit = emit;
  }

  /** Takes `line[start .. end]`: one event as JSON, its newline included. */
  add(line: Buffer, start: number, end: number): void {
    this.#taken++;
    const type = typeOf(line, start);
    if (waitingTypes.has(type)) {
      this.#collect(line, start, end);
      return;
    }
    if (this.#events.size > 0 && endingTypes.has(type)) this.#handOnProcess(pidOf(line, start));
    this.#lines++;
    this.#emit(line, start, end);
  }

  /** Ends the window: hands on all that waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = [...this.#events];
    this.#events.clear();
    this.#byHash.clear();
    this.#byPid.clear();
    this.#bytes = 0;
    for (const event of events) this.#handOn(event);
  }

  counters(): AggregationCounters {
    return { taken: this.#taken, lines: this.#lines, joined: this.#joined, waiting: this.#events.size };
  }

  #collect(line: Buffer, start: number, end: number): void {
    const timeStart = line.lastIndexOf(timeKey, end - timeKey.length) + timeKey.length;
    const timeEnd = line.indexOf(QUOTE, timeStart);
    const hash = hashOf(line, start, timeStart);
    let length = 0;
    for (let event = this.#byHash.get(hash); event !== undefined; event = event.next) {
      if (isSame(event, line, start, timeStart, timeEnd, end)) {
        event.count++;
        this.#joined++;
        return;
      }
      length++;
    }
    const bytes = memoryOf(end - start);
    const isFull = this.#events.size >= this.#options.maxEvents || this.#bytes + bytes > this.#maxBytes;
    if (isFull || length >= longestChain) this.flush();
    this.#enter({
      line: Buffer.from(line.subarray(start, end)),
      timeStart: timeStart - start,
      timeEnd: timeEnd - start,
      hash,
      pid: pidOf(line, start),
      count: 1,
      next: this.#byHash.get(hash),
    });
    this.#timer ??= setTimeout(() => this.flush(), this.#options.windowMs).unref();
  }

  #enter(event: WaitingEvent): void {
    this.#events.add(event);
    this.#byHash.set(event.hash, event);
    this.#bytes += memoryOf(event.line.length);
    const ofProcess = this.#byPid.get(event.pid);
    if (ofProcess === undefined) this.#byPid.set(event.pid, new Set([event]));
    else ofProcess.add(event);
  }

  #handOnProcess(pid: string): void {
    const events = this.#byPid.get(pid);
    if (events === undefined) return;
    this.#byPid.delete(pid);
    for (const event of events) {
      this.#events.delete(event);
      this.#unchain(event);
      this.#bytes -= memoryOf(event.line.length);
      this.#handOn(event);
    }
  }

  #unchain(event: WaitingEvent): void {
    let previous = this.#byHash.get(event.hash)!;
    if (previous !== event) {
      while (previous.next !== event) previous = previous.next!;
      previous.next = event.next;
    } else if (event.next === undefined) this.#byHash.delete(event.hash);
    else this.#byHash.set(event.hash, event.next);
  }

  #handOn({ line, timeEnd, count }: WaitingEvent): void {
    const info = Buffer.from(`","aggregation_info":{"count":"${count}"}`);
    const joined = Buffer.concat([line.subarray(0, timeEnd), info, line.subarray(timeEnd + 1)]);
    this.#lines++;
    this.#emit(joined, 0, joined.length);
  }
}

/** `process_lsm`: the first key of a line. */
function typeOf(line: Buffer, start: number): string {
  return line.toString('latin1', start + 2, line.indexOf(QUOTE, start + 2));
}

/** Digits of the first `"pid":` of a line, which is that of its process. */
function pidOf(line: Buffer, start: number): string {
  const digits = line.indexOf(pidKey, start) + pidKey.length;
  let end = digits;
  while (line[end]! >= DIGIT_0 && line[end]! <= DIGIT_9) end++;
  return line.toString('latin1', digits, end);
}

function isSame(
  event: WaitingEvent,
  line: Buffer,
  start: number,
  timeStart: number,
  timeEnd: number,
  end: number,
): boolean {
  return (
    event.timeStart === timeStart - start &&
    event.line.length - event.timeEnd === end - timeEnd &&
    event.line.compare(line, start, timeStart, 0, event.timeStart) === 0 &&
    event.line.compare(line, timeEnd, end, event.timeEnd) === 0
  );
}

/** Of what stands before the time; what decides is the comparison above. Words where they are aligned: a third of the cost. */
function hashOf(line: Buffer, start: number, end: number): number {
  const words = (end - start) >> 2;
  const offset = line.byteOffset + start;
  const aligned = offset % 4 === 0 ? new Int32Array(line.buffer, offset, words) : undefined;
  let hash = end - start;
  for (let index = 0; index < words; index++) {
    const word = aligned === undefined ? line.readInt32LE(start + 4 * index) : aligned[index]!;
    hash = Math.imul(hash ^ word, hashFactor);
    hash ^= hash >>> 15;
  }
  for (let at = start + 4 * words; at < end; at++) hash = Math.imul(hash ^ line[at]!, hashFactor);
  return hash;
}

function memoryOf(lineBytes: number): number {
  return lineBytes + entryBytes;
}

/** Calls that policies report: what a process may repeat. */
const waitingTypes: ReadonlySet<string> = new Set([
  'process_kprobe',
  'process_lsm',
  'process_tracepoint',
  'process_uprobe',
  'process_usdt',
]);
const endingTypes: ReadonlySet<string> = new Set(['process_exec', 'process_exit']);
/** Inside of texts its quotes would be escaped, and the envelope stands last: the last one is the event's own. */
const timeKey = Buffer.from(',"time":"');
const pidKey = Buffer.from('"pid":');
const QUOTE = 0x22;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** An odd number with its bits well mixed. */
const hashFactor = 0x9e3779b1;
/** Somebody may make events on purpose whose hashes are equal: more of them end the window. */
const longestChain = 16;
const defaultBytes = 32 * 1024 * 1024;
/** What an event takes beside its line. */
const entryBytes = 512;

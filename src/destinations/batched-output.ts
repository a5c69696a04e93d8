import type { LineOutput, OutputCounters } from '../export/line-output.ts';
import type { LineSchema } from '../schemas/line-schemas.ts';
import type { Destination } from './destination.ts';
import type { LineMessage } from './line-message.ts';
import { MessageQueue } from './message-queue.ts';
import { type DeliveryOutcome, type DeliverySettings, RetryingDelivery } from './retrying-delivery.ts';

export interface BatchedOutputOptions {
  readonly name: string;
  readonly settings: BatchSettings;
  /** The schema that messages have; Tetragon's without it. */
  readonly schema?: LineSchema | undefined;
  /** A line, newline included, that tells the receiver how many events are missing at its place. */
  readonly lossLine: (droppedLines: number) => Buffer;
  /** Told once when delivery starts to fail and once when it works again, and of losses with their number of events. */
  readonly report?: (message: string, lostLines?: number) => void;
  /** How long `close` keeps trying. */
  readonly closeTimeoutMs?: number;
}

export interface BatchSettings extends DeliverySettings {
  /** Bytes of events kept until the receiver has taken them. */
  readonly bufferSize: number;
  /** What is dropped when that is full. */
  readonly onFull: 'dropNewest' | 'dropOldest';
  /** A batch is delivered when it has this many events or bytes, or when this time has passed (milliseconds). */
  readonly batch: { readonly maxEvents: number; readonly maxBytes: number; readonly maxDelay: number };
}

/**
 * Why events were dropped: no room while the receiver did not take them; refused by the receiver for good; not taken
 * within `giveUpAfter`; the output closed before they were taken.
 */
export type DeliveryDropReason = 'buffer_full' | 'rejected' | 'gave_up' | 'closed';

/**
 * Collects lines and has a destination deliver them in batches, in order, one batch at a time, without ever waiting.
 * What is not taken is kept up to a limit and tried again. A line is either delivered or dropped and counted, and the
 * receiver is told at the place of the gap how many are missing.
 */
export class BatchedOutput implements LineOutput {
  readonly name: string;
  readonly broken = undefined;
  readonly finished: Promise<void>;
  readonly #destination: Destination;
  readonly #settings: BatchSettings;
  readonly #closeTimeoutMs: number;
  readonly #queue: MessageQueue;
  readonly #delivery: RetryingDelivery;
  readonly #report: (message: string, lostLines?: number) => void;
  readonly #finish = Promise.withResolvers<void>();
  readonly #lost = { rejected: 0, gave_up: 0, closed: 0 };
  /** The batch that is being delivered. */
  #underWay: readonly LineMessage[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Whether what waits has waited long enough. */
  #isDue = false;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #writtenBytes = 0;
  #writtenLines = 0;
  #notices = 0;
  /** A receiver that refuses to be told of a gap is told with the next event. */
  #keepsGap = false;
  #lastWriteMs = 0;
  /** Losses that were reported, why the last ones were, and when the next report may come. */
  #saidLosses = 0;
  #lossText: string = fullText;
  #nextLossReport = 0;

  constructor(destination: Destination, options: BatchedOutputOptions) {
    const { name, settings, schema, lossLine, report = () => {}, closeTimeoutMs = defaultCloseTimeoutMs } = options;
    this.name = name;
    this.#destination = destination;
    this.#settings = settings;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#report = (message, lostLines) => report(`${name}: ${message}`, lostLines);
    this.#delivery = new RetryingDelivery(destination, settings, this.#report);
    this.#queue = new MessageQueue({ maxBytes: settings.bufferSize, onFull: settings.onFull, schema, lossLine });
    this.finished = this.#finish.promise;
  }

  counters(): OutputCounters<DeliveryDropReason> {
    return {
      writtenBytes: this.#writtenBytes,
      writtenLines: this.#writtenLines,
      notices: this.#notices,
      failures: this.#delivery.failures,
      retries: this.#delivery.retries,
      droppedLines: { buffer_full: this.#queue.dropped, ...this.#lost },
      waitingBytes: this.#queue.bytes,
      lastWriteMs: this.#lastWriteMs,
      maxBytes: this.#settings.bufferSize,
    };
  }

  append(line: Buffer, start: number, end: number): void {
    if (this.#state === 'open') this.#queue.append(line, start, end);
    else this.#lost.closed++;
  }

  appendNotice(line: Buffer): void {
    if (this.#state === 'open') this.#queue.appendNotice(line);
  }

  /** Delivers a batch that is full, and sees to it that others are delivered in time. */
  flush(): void {
    this.#sayLosses();
    if (this.#underWay.length > 0 || !this.#hasToDeliver || this.#state === 'ended') return;
    if (this.#isBatchReady()) void this.#deliverAll();
    else this.#timer ??= setTimeout(() => this.#deliverDue(), this.#settings.batch.maxDelay).unref();
  }

  /** A receiver never holds up the ring. */
  isBehind(): boolean {
    return false;
  }

  /** Nobody can have moved it away. */
  reopen(): void {}

  /** Delivers the rest as long as that takes, at most `closeTimeoutMs`, and then closes; `finished` tells when. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#queue.tellGap();
    this.#state = 'closing';
    this.#delivery.hurry(this.#closeTimeoutMs);
    /* An attempt that does not heed its signal must not keep the program from its end. */
    const timer = setTimeout(() => this.#end(), this.#closeTimeoutMs + hangTimeoutMs);
    void this.finished.then(() => clearTimeout(timer));
    if (this.#underWay.length === 0) void this.#deliverAll();
  }

  get #hasToDeliver(): boolean {
    return this.#queue.lines > 0 || (this.#queue.hasGapInFront && !this.#keepsGap);
  }

  #isBatchReady(): boolean {
    const { maxEvents, maxBytes } = this.#settings.batch;
    const isFull = this.#queue.lines >= maxEvents || this.#queue.waitingBytes >= maxBytes;
    return isFull || this.#isDue || this.#state === 'closing';
  }

  #deliverDue(): void {
    this.#timer = undefined;
    this.#isDue = true;
    this.flush();
  }

  async #deliverAll(): Promise<void> {
    const { maxEvents, maxBytes } = this.#settings.batch;
    while (this.#hasToDeliver && this.#isBatchReady() && !this.#delivery.isTooLate) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#isDue = false;
      const batch = this.#queue.takeBatch(maxEvents, maxBytes);
      this.#underWay = batch;
      const outcome = await this.#delivery.deliver(batch);
      if (this.#state === 'ended') return;
      this.#underWay = [];
      this.#account(batch, outcome);
    }
    if (this.#state === 'open') this.flush();
    else this.#end();
  }

  #account(batch: readonly LineMessage[], { taken, rejected, left, leftReason, text }: DeliveryOutcome): void {
    const dealtWith = batch.slice(0, batch.length - left);
    /* Which ones a receiver refused is not known; of its own accord it refuses events. */
    const byKind = rejected === 0 ? dealtWith : dealtWith.toSorted((one, other) => +one.isNotice - +other.isNotice);
    for (const { body, isNotice } of byKind.slice(rejected)) {
      this.#writtenBytes += body.length;
      if (isNotice) this.#notices++;
    }
    this.#writtenLines += taken;
    if (taken > 0) this.#lastWriteMs = Date.now();
    this.#lose(byKind.slice(0, rejected), 'rejected', text);
    this.#lose(batch.slice(batch.length - left), leftReason, text);
    this.#keepsGap = taken === 0 && batch.every(({ isNotice }) => isNotice);
    this.#queue.release(batch);
    this.#sayLosses();
  }

  /** What a lost message told of is still to be told. */
  #lose(messages: readonly LineMessage[], reason: keyof typeof lossTexts, text: string): void {
    if (messages.length === 0) return;
    this.#lost[reason] += eventsAmong(messages);
    this.#queue.addGapInFront(messages.reduce((sum, { missing = 1 }) => sum + missing, 0));
    this.#lossText = `${lossTexts[reason]} (${text})`;
  }

  /** Says what was lost since the last time; not for every batch, for a receiver may refuse one event of each. */
  #sayLosses(): void {
    const { rejected, gave_up: givenUp, closed } = this.#lost;
    const lost = this.#queue.dropped + rejected + givenUp + closed - this.#saidLosses;
    if (lost === 0 || performance.now() < this.#nextLossReport) return;
    this.#nextLossReport = performance.now() + lossReportIntervalMs;
    this.#saidLosses += lost;
    this.#report(`${lost} events were lost: ${this.#lossText}`, lost);
    this.#lossText = fullText;
  }

  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    /* A batch still under way counts as lost, although the receiver may have got it. */
    const left = eventsAmong(this.#underWay) + this.#queue.clear();
    this.#lost.closed += left;
    if (left > 0) this.#lossText = lossTexts.closed;
    this.#nextLossReport = 0;
    this.#sayLosses();
    const timer = setTimeout(() => this.#finish.resolve(), hangTimeoutMs);
    const closed = (): void => {
      clearTimeout(timer);
      this.#finish.resolve();
    };
    this.#destination.close().then(closed, closed);
  }
}

function eventsAmong(messages: readonly LineMessage[]): number {
  return messages.filter(({ isNotice }) => !isNotice).length;
}

const lossTexts = {
  rejected: 'the receiver refused them',
  gave_up: 'they were given up',
  closed: 'they were not taken in time at the end',
} as const;
const fullText = 'the buffer was full';
const lossReportIntervalMs = 10_000;
const defaultCloseTimeoutMs = 2000;
const hangTimeoutMs = 1000;

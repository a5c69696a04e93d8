import type { Message, Severity } from './destination.ts';

/** The message of one event, from its line of JSON in Tetragon's schema; what receivers ask for is found when they do. */
export class LineMessage implements Message {
  readonly body: Buffer;
  /** Bytes that count for the buffer. */
  readonly size: number;
  /** Whether it is about the events and not one of them. */
  readonly isNotice: boolean;
  readonly #line: Buffer;
  #timeNs: bigint | undefined;

  /** `line`: without its newline; `body`: the same in the schema of the output. */
  constructor(line: Buffer, body: Buffer) {
    this.#line = line;
    this.body = body;
    this.size = line.length + 1;
    this.isNotice = line.indexOf(noticeStart) === 0;
  }

  get eventType(): string {
    const end = this.#line.indexOf('"', 2);
    return this.#line.toString('latin1', 2, end);
  }

  get timeNs(): bigint {
    this.#timeNs ??= eventTimeNs(textAfter(this.#line, this.#line.lastIndexOf(timeKey), timeKey));
    return this.#timeNs;
  }

  get execId(): string {
    return textAfter(this.#line, this.#line.indexOf(execIdKey), execIdKey);
  }

  get severity(): Severity {
    const given = textAfter(this.#line, this.#line.indexOf(severityKey), severityKey);
    const named = severities.find((severity) => severity === given);
    if (named !== undefined) return named;
    return enforced.some((sign) => this.#line.includes(sign)) ? 'warning' : 'info';
  }
}

/** What stands between `key`, which ends in a quote, and the next quote; '' when the key is not there. */
function textAfter(line: Buffer, keyStart: number, key: string): string {
  if (keyStart === -1) return '';
  const start = keyStart + key.length;
  return line.toString('latin1', start, line.indexOf('"', start));
}

/** `2026-11-20T04:59:45.048218521Z` in nanoseconds since 1970; now, when it is no time. */
function eventTimeNs(text: string): bigint {
  const match = /^(.{19})(?:\.(\d{1,9}))?Z$/.exec(text);
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}Z`) / 1000;
  if (Number.isNaN(seconds)) return BigInt(Date.now()) * 1_000_000n;
  return BigInt(seconds) * 1_000_000_000n + BigInt((match![2] ?? '0').padEnd(9, '0'));
}

/* A quote inside a text is escaped, so none of these is found in what a process has chosen. */
const noticeStart = '{"rate_limit_info"';
const timeKey = '"time":"';
const execIdKey = '"process":{"exec_id":"';
const severityKey = '"severity":"';
const severities: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];
/** Of events whose call was refused or whose process got a signal. */
const enforced = ['OVERRIDE', 'SIGKILL', 'SIGNAL'].map((action) => `"action":"KPROBE_ACTION_${action}"`);

import { missingEvents } from '../export/loss-line.ts';
import { severities } from '../policy/model.ts';
import type { Message, Severity } from './destination.ts';

/** The message of one event, from its line of JSON in Tetragon's schema; what receivers ask for is found when they do. */
export class LineMessage implements Message {
  readonly body: Buffer;
  /** Bytes that count for the buffer. */
  readonly size: number;
  /** Events that are missing, when it is a message about that and no event. */
  readonly missing: number | undefined;
  readonly #line: Buffer;
  /** The line, a character for each byte: searched faster than the bytes. */
  #text: string | undefined;
  #timeNs: bigint | undefined;

  /** `line`: without its newline; `body`: the same in the schema of the output. */
  constructor(line: Buffer, body: Buffer) {
    this.#line = line;
    this.body = body;
    this.size = line.length + 1;
    this.missing = missingEvents(line);
  }

  get isNotice(): boolean {
    return this.missing !== undefined;
  }

  get eventType(): string {
    return this.#chars.slice(2, this.#chars.indexOf('"', 2));
  }

  get timeNs(): bigint {
    this.#timeNs ??= eventTimeNs(textAfter(this.#chars, this.#chars.lastIndexOf(timeKey), timeKey));
    return this.#timeNs;
  }

  get execId(): string {
    return textAfter(this.#chars, this.#chars.indexOf(execIdKey), execIdKey);
  }

  get severity(): Severity {
    /* What comes from no policy has none. */
    if (this.#chars.startsWith(execStart) || this.#chars.startsWith(exitStart)) return 'info';
    const given = textAfter(this.#chars, this.#chars.indexOf(severityKey), severityKey);
    const named = severities.find((severity) => severity === given);
    if (named !== undefined) return named;
    return enforced.has(textAfter(this.#chars, this.#chars.indexOf(actionKey), actionKey)) ? 'warning' : 'info';
  }

  get #chars(): string {
    this.#text ??= this.#line.toString('latin1');
    return this.#text;
  }
}

/** What stands between `key`, which ends in a quote, and the next quote; '' when the key is not there. */
function textAfter(text: string, keyStart: number, key: string): string {
  if (keyStart === -1) return '';
  const start = keyStart + key.length;
  return text.slice(start, text.indexOf('"', start));
}

/** `2026-11-20T04:59:45.048218521Z` in nanoseconds since 1970; now, when it is no time. */
function eventTimeNs(text: string): bigint {
  const second = text.slice(0, 19);
  if (second !== lastSecond.text) lastSecond = { text: second, ns: BigInt(Date.parse(`${second}Z`) || 0) * 1_000_000n };
  const fraction = text.slice(19);
  if (lastSecond.ns === 0n || !/^(?:\.\d{1,9})?Z$/.test(fraction)) return BigInt(Date.now()) * 1_000_000n;
  return lastSecond.ns + BigInt(Number(fraction.slice(1, -1).padEnd(9, '0')));
}

/** Events come by the thousand in one second. */
let lastSecond = { text: '', ns: 0n };

/* A quote inside a text is escaped, so none of these is found in what a process has chosen. */
const execStart = '{"process_exec"';
const exitStart = '{"process_exit"';
const timeKey = '"time":"';
const execIdKey = '"process":{"exec_id":"';
const severityKey = '"severity":"';
const actionKey = '"action":"KPROBE_ACTION_';
/** Actions of events whose call was refused or whose process got a signal. */
const enforced: ReadonlySet<string> = new Set(['OVERRIDE', 'SIGKILL', 'SIGNAL']);

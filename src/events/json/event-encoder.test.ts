import { expect, test } from 'vitest';
import { EventPipeline } from '../event-pipeline.ts';
import type { EventArgument, EventSelector } from '../event-plan.ts';
import type { EventSink, LinePlace } from '../event-sink.ts';
import { hookOf, selectorOf } from '../test-plan.ts';
import { execBytes, fileBytes, hookBytes, numberBytes, returnBytes } from '../test-record.ts';
import { WallClock } from '../wall-clock.ts';
import { valueStatus } from '../wire.ts';
import { EventEncoder } from './event-encoder.ts';
import { ProcessEncoder } from './process-encoder.ts';

const second = 1_000_000_000n;
const bootToWallNs = 1_795_150_718_822_743_326n;

/** Lends a place in a buffer of its own, and keeps the lines that were made there and those that were handed over. */
class LendingSink {
  readonly takes = 'lines';
  readonly lines: string[] = [];
  lent = 0;
  readonly #place: LinePlace;

  constructor(roomBytes: number) {
    const bytes = Buffer.alloc(roomBytes);
    this.#place = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), end: 7 };
  }

  write(line: Buffer, start: number, end: number): void {
    this.lines.push(line.toString('utf8', start, end));
  }

  lend(): LinePlace {
    return this.#place;
  }

  takeLine({ bytes, end: start }: LinePlace, end: number): void {
    this.lent++;
    this.write(bytes, start, end);
  }

  flush(): void {}
  close(): void {}
}

/** Encodes each event with an encoder that knows no other. */
function withoutMemory(lines: string[]): EventSink {
  const clock = new WallClock(bootToWallNs);
  const options = { nodeName: 'node', clock, withCredentials: false, withNamespaces: false, hostNamespaces: [] };
  return {
    takes: 'events',
    write: (event) => {
      const encoder = new EventEncoder(new ProcessEncoder(options), clock, 'node');
      encoder.encode(event);
      lines.push(encoder.writer.take().toString('utf8'));
    },
    flush: () => {},
    close: () => {},
  };
}

function selectorFor(policyName: string, args: readonly EventArgument[], returns = false): EventSelector {
  const returnArg = returns ? argumentOf(-1, 'sint32') : undefined;
  return selectorOf(hookOf({ policyName, functionName: 'security_file_permission', args, returnArg }));
}

function argumentOf(value: number, type: EventArgument['type'], label = ''): EventArgument {
  return { value, type, spelledType: type, label };
}

const types = ['file', 'sint32', 'string', 'uint64', 'path', 'uint32', 'sint64'] as const;
const valuesOf = {
  file: [fileBytes('/etc/shadow', 0o100640), fileBytes('/tmp/a "b"\\\u0001ü', 0o100600), fileBytes('', 0o100600)],
  path: [fileBytes('/etc', 0o040755), fileBytes(Buffer.from([0x2f, 0xff, 0xfe]), 0o040755), Buffer.alloc(0)],
  string: ['x', 'four', 'a longer one: \t and ü', ''].map((text) => Buffer.from(text)),
  sint32: [0, -1, 2 ** 31 - 1, -(2 ** 31)].map(numberBytes),
  uint32: [0, 2 ** 32 - 1, 99, 100].map(numberBytes),
  sint64: [0n, -1n, -(2n ** 63n), 2n ** 53n].map(numberBytes),
  uint64: [0n, 2n ** 64n - 1n, 2n ** 53n + 1n].map(numberBytes),
};

/** A small generator of numbers below a bound, the same at each run. */
function randomly(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % bound;
  };
}

const args = types.map((type, value) => argumentOf(value, type, value % 3 === 2 ? 'a "label"' : ''));
const selectors = [
  selectorFor('all', args),
  selectorFor('two', [args[1]!, args[0]!]),
  selectorFor('none', []),
  selectorFor('returns', [args[0]!], true),
];

test.each([64 * 1024, 700, 100])(
  'lines with what earlier ones left are those without, in %i lent bytes',
  (roomBytes) => {
    const random = randomly(roomBytes + 7);
    const expected: string[] = [];
    const sink = new LendingSink(roomBytes);
    const pipeline = new EventPipeline({ nodeName: 'node', bootToWallNs, sinks: [withoutMemory(expected), sink] });
    pipeline.addPlan({ planId: 1, values: types.map((type) => ({ type })), selectors });
    const processes = [1, 2, 3].map((index) => ({ tgid: 100 * index, execKtime: BigInt(index) * second }));
    for (const process of processes) {
      const record = execBytes({
        ...process,
        ktime: process.execKtime,
        binary: '/bin/cat',
        cwd: '/',
        argv: ['cat', 'x'],
      });
      pipeline.handle(record, 0, record.length);
    }
    for (let count = 0; count < 3000; count++) {
      const process = processes[random(processes.length)]!;
      const ktime = 10n * second + BigInt(random(3)) * second + BigInt([0, 1, 999_999_999, 120_000_000][random(4)]!);
      const match = random(selectors.length);
      const callId = match === 3 ? BigInt(count + 1) : 0n;
      /* Mostly the values of the call before. */
      const pick = random(4) === 0 ? random : () => 0;
      const values = types.map((type) => ({
        bytes: valuesOf[type][pick(valuesOf[type].length)]!,
        status: pick(8) === 7 ? [valueStatus.UNREADABLE, valueStatus.DELETED, valueStatus.UNRESOLVED][pick(3)]! : 0,
      }));
      const tid = process.tgid + random(2);
      const hook = hookBytes({ ...process, ktime, tid, planId: 1, matches: [match], values, callId });
      pipeline.handle(hook, 0, hook.length);
      if (callId === 0n || random(8) === 0) continue;
      const returned = returnBytes({ ...process, ktime, tid, callId, value: BigInt(random(3)) - 1n });
      pipeline.handle(returned, 0, returned.length);
    }
    pipeline.close();
    expect(sink.lines).toEqual(expected);
    for (const line of sink.lines) JSON.parse(line);
    expect(sink.lent > 0).toBe(roomBytes > 100);
  },
);

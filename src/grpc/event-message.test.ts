import { fromJson, toJson } from 'protobufjs/ext/protojson.js';
import { describe, expect, test } from 'vitest';
import { ByteArena } from '../events/byte-arena.ts';
import { EventPipeline } from '../events/event-pipeline.ts';
import type { EventSelector } from '../events/event-plan.ts';
import type { EventSink } from '../events/event-sink.ts';
import type { ProcessEncoderOptions } from '../events/json/process-encoder.ts';
import { type Json, replaySample, sampleLines, sampleTitle } from '../events/sample-replay.ts';
import {
  credentialsBytes,
  execBytes,
  fileBytes,
  hookBytes,
  loaderBytes,
  numberBytes,
  sockBytes,
  throttleBytes,
} from '../events/test-record.ts';
import { loadApi, tetragonFiles } from './api-root.ts';
import { EventMessageEncoder } from './event-message.ts';
import { ProcessMessageEncoder } from './process-message.ts';

const responseType = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');

describe('messages of events say what their JSON lines say', () => {
  for (const [index, line] of sampleLines.entries()) {
    const sample = JSON.parse(line);
    test(`${index + 1}: ${sampleTitle(sample)}`, () => {
      const { lines, messages } = encodeBoth(sample);
      expect(messages).toEqual(lines);
    });
  }
});

describe('messages of events that Tetragon never wrote for us', () => {
  test('a cgroup above its rate', () => {
    const throttle = throttleBytes({
      tgid: 7,
      execKtime: 5n,
      ktime: 5n,
      cgroupId: 5n,
      until: 9n,
      name: 'a\u00e9.scope',
    });
    const { lines, messages } = encodeRecords([throttle]);
    expect(lines[0]).toMatchObject({ processThrottle: { type: 'THROTTLE_START', cgroup: 'aé.scope' } });
    expect(messages).toEqual(lines);
  });

  test('bytes that are no text, wherever the kernel has text', () => {
    const odd = Buffer.from([0x2f, 0xff, 0xfe, 0x22, 0x0a, 0xc3]);
    const process = { tgid: 7, execKtime: 5n, ktime: 5n };
    const { lines, messages } = encodeRecords([
      execBytes({ ...process, binary: odd, cwd: odd, filename: odd, cgroup: odd, argv: [odd, odd] }),
      execBytes({ ...process, tgid: 8, binary: '', cwd: odd, filename: odd.subarray(1), argv: [] }),
      throttleBytes({ ...process, cgroupId: 5n, until: 9n, name: odd }),
    ]);
    const text = '/\ufffd"\n\ufffd';
    expect(lines).toMatchObject([
      { processExec: { process: { binary: text, cwd: text, arguments: text } } },
      { processExec: { process: { binary: `${text}/${text.slice(1)}` } } },
      { processThrottle: { cgroup: text } },
    ]);
    expect(messages).toEqual(lines);
  });

  test('random damage is never an exception, and always what the line says', () => {
    let seed = 12345;
    const random = (bound: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % bound;
    };
    const selector = {
      hook: {
        policyName: 'p\u0000\ud800',
        policyNamespace: undefined,
        event: 'kprobe' as const,
        functionName: 'f',
        subsystem: '',
        tracepoint: '',
        args: (['file', 'sock', 'string', 'cred', 'sint64', 'syscall64'] as const).map((type, value) => ({
          value,
          type,
          spelledType: type,
          label: value === 2 ? 'label' : '',
        })),
        returnArg: undefined,
        message: 'é',
        tags: ['a', ''],
      },
      index: 0,
      label: '',
      post: true,
      action: 'KPROBE_ACTION_SIGKILL' as const,
      monitoredAction: undefined,
      returnFilters: [],
    };
    const process = { tgid: 7, execKtime: 5n, ktime: 5n };
    const values = [
      { bytes: fileBytes(Buffer.of(0x2f, 0xff, 0xe2, 0x82), 0o100644) },
      { bytes: sockBytes({ family: 10, protocol: 6, sport: 5 }) },
      { bytes: Buffer.alloc(300, 0xc3) },
      { bytes: credentialsBytes({ uid: 5, permitted: (1n << 63n) | 3n, securebits: 0xffff, user_ns_level: 2 }) },
      { bytes: numberBytes(-5n) },
      { bytes: numberBytes(1n << 31n) },
    ];
    const environment = ['A=1', Buffer.of(0x42, 0x3d, 0xff), '=', 'invalid'];
    const whole = [
      execBytes({
        ...process,
        binary: '/bin/x',
        cwd: '/',
        argv: ['x', Buffer.of(0xff, 0x20), ''],
        environment,
        uid: 3,
      }),
      hookBytes({ ...process, ktime: 6n, tid: 9, planId: 1, matches: [0], values }),
      loaderBytes({ ...process, ktime: 7n, tid: 8, path: '/lib/é', buildId: Buffer.of(0, 0xff, 1) }),
    ];
    for (let round = 0; round < 500; round++) {
      const records = whole.map((bytes) => Buffer.from(bytes));
      for (let damage = random(4); damage > 0; damage--) {
        const record = records[random(records.length)]!;
        record[8 + random(record.length - 8)] = random(256);
      }
      const { lines, messages } = encodeRecords(records, selector);
      expect(messages).toEqual(lines);
    }
  });
});

function encodeRecords(records: readonly Buffer[], selector?: EventSelector): { lines: Json[]; messages: Json[] } {
  const { lines, messages, sinks } = bothSinks();
  const pipeline: EventPipeline = new EventPipeline({
    nodeName: 'node',
    bootToWallNs: 5_000_000_000n,
    sinks: sinks(() => pipeline.encoding),
    withCredentials: true,
    withNamespaces: true,
    environment: { names: undefined },
  });
  const values = (selector?.hook.args ?? []).map(({ type }) => ({ type }));
  if (selector !== undefined) pipeline.addPlan({ planId: 1, values, selectors: [selector] });
  for (const record of records) pipeline.handle(record, 0, record.length);
  pipeline.close();
  return { lines, messages };
}

function encodeBoth(sample: Json): { lines: Json[]; messages: Json[] } {
  const { lines, messages, sinks } = bothSinks();
  replaySample(sample, sinks);
  return { lines, messages };
}

/** Sinks that fill `lines` and `messages` with the same events. */
function bothSinks() {
  const lines: Json[] = [];
  const messages: Json[] = [];
  const sinks = (encoding: () => ProcessEncoderOptions): EventSink[] => {
    let encoder: EventMessageEncoder | undefined;
    return [
      {
        takes: 'lines',
        write: (line, start, end) => lines.push(parse(line.toString('utf8', start, end - 1))),
        flush: () => {},
        close: () => {},
      },
      {
        takes: 'events',
        write: (event) => {
          encoder ??= encoderOf(encoding());
          encoder.encode(event);
          messages.push(decode(encoder.writer.take()));
        },
        flush: () => {},
        close: () => {},
      },
    ];
  };
  return { lines, messages, sinks };
}

function encoderOf(options: ProcessEncoderOptions): EventMessageEncoder {
  const processes = new ProcessMessageEncoder(options, new ByteArena());
  return new EventMessageEncoder(processes, options.clock, options.nodeName, options);
}

function decode(bytes: Buffer): Json {
  return toJson(responseType, responseType.decode(bytes));
}

/**
 * A line as the library understands it: a field or a value that the API does not have is an error. Capabilities that no
 * kernel has yet are a name in our lines and a number in the API.
 */
function parse(line: string): Json {
  return toJson(responseType, fromJson(responseType, JSON.parse(line.replace(/"CAP_(\d+)"/g, '$1'))));
}

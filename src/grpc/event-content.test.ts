import { toJson } from 'protobufjs/ext/protojson.js';
import { describe, expect, test } from 'vitest';
import { ByteArena } from '../events/byte-arena.ts';
import type { EventContent } from '../events/event-content.ts';
import { EventPipeline } from '../events/event-pipeline.ts';
import type { EventHook, EventSelector } from '../events/event-plan.ts';
import type { Event, ProcessEvent } from '../events/events.ts';
import type { StackPlace } from '../events/hooks/stack-trace.ts';
import { EventEncoder } from '../events/json/event-encoder.ts';
import { ProcessEncoder } from '../events/json/process-encoder.ts';
import { wholeRange } from '../events/processes/process.ts';
import type { Json } from '../events/sample-replay.ts';
import { hookOf, selectorOf } from '../events/test-plan.ts';
import { bufferBytes, execBytes, exitBytes, fileBytes, hookBytes, numberBytes } from '../events/test-record.ts';
import { loadApi, tetragonFiles } from './api-root.ts';
import { EventMessageEncoder } from './event-message.ts';
import { ProcessMessageEncoder } from './process-message.ts';

/* What is off by default, and events of hooks that are not there yet: as JSON, and the same as messages. */

const responseType = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');
const hostNamespaces = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

interface Run {
  readonly content?: EventContent;
  readonly hook?: Partial<EventHook>;
  readonly selector?: Partial<EventSelector>;
  readonly argv?: readonly (string | Uint8Array)[];
  readonly namespaces?: readonly number[];
  /** Makes another event of the one of the hook. */
  readonly change?: (event: ProcessEvent) => Event;
}

/** init (1) starts sshd (10), bash (20), sudo (30) and curl (40), which calls a hook and exits. */
function run({ content = {}, hook = {}, selector = {}, argv = ['curl'], namespaces, change }: Run): Json[] {
  const lines: Json[] = [];
  const write = (event: Event): void => {
    const changed = event.kind === 'hook' && change !== undefined ? change(event) : event;
    lines.push(encodeBoth(pipeline, changed));
  };
  const pipeline: EventPipeline = new EventPipeline({
    nodeName: 'node',
    bootToWallNs: 0n,
    hostNamespaces,
    ...content,
    sinks: [{ takes: 'events', write, flush: () => {}, close: () => {} }],
  });
  const plan = {
    planId: 1,
    values: [{ type: 'file' as const }, { type: 'sint32' as const }, { type: 'char_buf' as const }],
  };
  pipeline.addPlan({ ...plan, selectors: [selectorOf({ ...plainHook, ...hook }, selector)] });
  const curl = { tgid: 40, execKtime: 40n, ktime: 50n };
  const records = [
    ...[1, 10, 20, 30].map((tgid) => process(tgid, [`p${tgid}`])),
    process(40, argv, namespaces),
    hookBytes({
      ...curl,
      tid: 41,
      planId: 1,
      matches: [0],
      values: [{ bytes: fileBytes('/etc/passwd', 0o100644) }, { bytes: numberBytes(-7) }, { bytes: stackBytes }],
    }),
    exitBytes({ ...curl, code: 0 }),
  ];
  for (const record of records) pipeline.handle(record, 0, record.length);
  return lines;
}

function process(tgid: number, argv: Run['argv'] = [], namespaces: readonly number[] = hostNamespaces): Buffer {
  const parents: Readonly<Record<number, number>> = { 1: 0, 10: 1, 20: 10, 30: 20, 40: 30 };
  const ktime = BigInt(tgid);
  return execBytes({
    tgid,
    ktime,
    execKtime: ktime,
    parentTgid: parents[tgid]!,
    parentKtime: BigInt(parents[tgid]!),
    binary: `/bin/p${tgid}`,
    argv,
    namespaces,
    uid: tgid,
  });
}

/** The event as JSON, after checking that the message says the same. */
function encodeBoth({ encoding }: EventPipeline, event: Event): Json {
  const { clock, nodeName } = encoding;
  const encoder = new EventEncoder(new ProcessEncoder(encoding), clock, nodeName, encoding);
  encoder.encode(event);
  const line = JSON.parse(encoder.writer.take().toString());
  const messages = new ProcessMessageEncoder(encoding, new ByteArena());
  const messageEncoder = new EventMessageEncoder(messages, clock, nodeName, encoding);
  messageEncoder.encode(event);
  const message = toJson(responseType, responseType.decode(messageEncoder.writer.take()));
  expect(message).toEqual(withCamelCase(line));
  return line;
}

function withCamelCase(value: Json): Json {
  if (Array.isArray(value)) return value.map(withCamelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      withCamelCase(member),
    ]),
  );
}

/** A program of ours, the hooked function, another program in front of it, what called it, and nothing that is known. */
const stackBytes = bufferBytes(Buffer.from(BigUint64Array.of(5n, 16n, 5n, 17n, 0xffff_ffff_8120_0009n, 48n).buffer));
const stackPlaces = new Map<bigint, StackPlace>([
  [5n, { symbol: 'bpf_prog', offset: 1n, module: 'bpf' }],
  [16n, { symbol: 'vfs_open', offset: 9n, module: '' }],
  [17n, { symbol: 'vfs_open', offset: 4n, module: '' }],
  [0xffff_ffff_8120_0009n, { symbol: 'ext4_open', offset: 46n, module: 'ext4' }],
]);

const argument = { type: 'file', spelledType: 'file', value: 0, label: '' } as const;
const number = { type: 'sint32', spelledType: 'int', value: 1, label: 'n' } as const;
const plainHook = hookOf({
  policyName: 'p',
  event: 'lsm',
  functionName: 'file_open',
  args: [argument],
  message: 'why',
  tags: ['t'],
});

const pids = (list: Json[] | undefined): number[] | undefined => list?.map(({ pid }) => pid);

describe('stacks', () => {
  const hook = { event: 'kprobe', functionName: 'vfs_open' } as const;
  const selector = {
    stacks: [
      { of: 'kernel', value: 2 },
      { of: 'user', value: 2 },
    ],
  } as const;
  const find = (_kind: string, pid: number, address: bigint): StackPlace | undefined =>
    pid === 40 ? stackPlaces.get(address) : undefined;
  const stacksOf = (stacks: EventContent['stacks']): Json =>
    run({ content: { stacks }, hook, selector }).find((line) => line.process_kprobe).process_kprobe;

  test('begin with the hooked function, and show no addresses', () => {
    const known = [{ offset: '9', symbol: 'vfs_open' }, { offset: '46', symbol: 'ext4_open', module: 'ext4' }, {}];
    const { kernel_stack_trace: kernel, user_stack_trace: user } = stacksOf({
      find,
      prepare: () => {},
      withAddresses: false,
    });
    expect(kernel).toEqual(known);
    expect(user).toHaveLength(6);
    expect(user[0]).toEqual({ offset: '1', symbol: 'bpf_prog', module: 'bpf' });
  });

  test('show addresses when asked to', () => {
    const { kernel_stack_trace: kernel } = stacksOf({ find, prepare: () => {}, withAddresses: true });
    expect(kernel.map(({ address }: Json) => address)).toEqual(['16', '18446744071580942345', '48']);
  });
});

describe('ancestors', () => {
  const ancestors = (groups: readonly string[]) => new Set(groups) as EventContent['ancestors'];

  test('are those above the parent up to init, in the events that were asked for', () => {
    const lines = run({ content: { ancestors: ancestors(['base', 'lsm']) } });
    const shown = lines.map((line) => pids((Object.values(line)[0] as Json).ancestors));
    expect(shown).toEqual([undefined, undefined, [1], [10, 1], [20, 10, 1], [20, 10, 1], [20, 10, 1]]);
    expect(lines[5].process_lsm.ancestors[0]).toEqual(lines[3].process_exec.parent);
  });

  test.each(['kprobe', 'tracepoint', 'uprobe', 'usdt'] as const)('of process_%s', (event) => {
    const [line] = run({ content: { ancestors: ancestors(['base', event]) }, hook: { event } }).slice(5);
    expect(pids(line[`process_${event}`].ancestors)).toEqual([20, 10, 1]);
    const [without] = run({ content: { ancestors: ancestors(['base']) }, hook: { event } }).slice(5);
    expect(without[`process_${event}`].ancestors).toBeUndefined();
  });
});

describe('user', () => {
  const users = { nameOf: (uid: number) => (uid === 40 ? 'fo\u00fcr' : undefined) };

  test('is the name of the effective user, when it has one', () => {
    const [, , , , exec] = run({ content: { users } });
    expect(exec.process_exec.process.user).toEqual({ name: 'foür' });
    expect(exec.process_exec.parent.user).toBeUndefined();
    expect(exec.process_exec.process.ns).toBeUndefined();
  });

  test.each([
    ['mount', 2],
    ['user', 9],
  ])('is not told in another %s namespace', (_, index) => {
    const namespaces = hostNamespaces.with(index, 99);
    const [, , , , exec] = run({ content: { users }, namespaces });
    expect(exec.process_exec.process.user).toBeUndefined();
  });
});

test('arguments_list has argv as it was, invalid UTF-8 replaced', () => {
  const argv = ['-curl', '', 'a b', '"', Buffer.of(0x61, 0xff, 0xfe), 'é', ''];
  const [, , , , exec] = run({ content: { withArgumentsList: true }, argv });
  expect(exec.process_exec.process.arguments_list).toEqual(['-curl', '', 'a b', '"', 'a\ufffd', 'é', '']);
  const [, , , , nothing] = run({ content: { withArgumentsList: true }, argv: [] });
  expect(nothing.process_exec.process.arguments_list).toBeUndefined();
});

test.each([
  [{ action: 'KPROBE_ACTION_OVERRIDE' }, 'prevented'],
  [{ action: 'KPROBE_ACTION_SIGKILL' }, 'interrupted'],
  [{ action: 'KPROBE_ACTION_SIGNAL' }, 'interrupted'],
  [{ action: 'KPROBE_ACTION_POST' }, 'observed'],
  [{ action: 'KPROBE_ACTION_POST', monitoredAction: 'KPROBE_ACTION_SIGKILL' }, 'would_have_prevented'],
  [{ action: 'KPROBE_ACTION_POST', monitoredAction: 'KPROBE_ACTION_OVERRIDE' }, 'would_have_prevented'],
] as const)('the verdict of %o is %s', (selector, verdict) => {
  expect(run({ selector, content: { withVerdict: true } })[5].process_lsm.verdict).toBe(verdict);
  expect(run({ selector })[5].process_lsm.verdict).toBeUndefined();
});

test('the name of the cluster stands beside every event', () => {
  for (const line of run({ content: { clusterName: 'c"1' } })) expect(line.cluster_name).toBe('c"1');
  for (const line of run({})) expect(line.cluster_name).toBeUndefined();
});

test('severity and techniques of the policy are in events of its hooks', () => {
  const [line] = run({ hook: { severity: 'high', mitreTechniques: ['T1055', 'T1059.004'] } }).slice(5);
  expect(line.process_lsm).toMatchObject({ severity: 'high', mitre_techniques: ['T1055', 'T1059.004'] });
});

describe('messages of hooks that do not exist yet', () => {
  test('process_uprobe', () => {
    const uprobe = { path: '/bin/bash', symbol: 'readline', offset: 2 ** 40 + 1, refCtrOffset: 8 };
    const [line] = run({ hook: { event: 'uprobe', uprobe, data: [number] } }).slice(5);
    const { process: caller, parent, ...rest } = line.process_uprobe;
    expect([caller.pid, caller.tid, parent.pid]).toEqual([40, 41, 30]);
    expect(rest).toEqual({
      path: '/bin/bash',
      symbol: 'readline',
      policy_name: 'p',
      message: 'why',
      args: [{ file_arg: { path: '/etc/passwd', permission: '-rw-r--r--' } }],
      tags: ['t'],
      offset: '1099511627777',
      ref_ctr_offset: '8',
      action: 'KPROBE_ACTION_POST',
      data: [{ int_arg: -7, label: 'n' }],
    });
  });

  test('process_usdt', () => {
    const usdt = { path: '/lib/libc.so.6', provider: 'libc', name: 'setjmp' };
    const [line] = run({ hook: { event: 'usdt', usdt, args: [number] } }).slice(5);
    const { process: caller, parent, ...rest } = line.process_usdt;
    expect([caller.pid, parent.pid]).toEqual([40, 30]);
    expect(rest).toEqual({
      path: '/lib/libc.so.6',
      provider: 'libc',
      name: 'setjmp',
      policy_name: 'p',
      message: 'why',
      args: [{ int_arg: -7, label: 'n' }],
      tags: ['t'],
      action: 'KPROBE_ACTION_POST',
    });
  });

  test('process_kprobe with data', () => {
    const [line] = run({ hook: { event: 'kprobe', args: [], data: [number] } }).slice(5);
    expect(line.process_kprobe.data).toEqual([{ int_arg: -7, label: 'n' }]);
    expect(line.process_kprobe.args).toBeUndefined();
  });

  test('process_loader', () => {
    const ancestors = new Set(['base', 'loader'] as const);
    const load = ({ process: loading, parent, ktimeLow, ktimeHigh }: ProcessEvent): Event => ({
      kind: 'loader',
      process: loading,
      parent,
      ktimeLow,
      ktimeHigh,
      tid: 42,
      path: wholeRange(Buffer.from([0x2f, 0xff, 0x61])),
      buildId: { bytes: Buffer.of(1, 0x6b, 0, 0xff, 1), start: 1, end: 4 },
    });
    const [line] = run({ content: { ancestors }, change: load }).slice(5);
    expect(Object.keys(line.process_loader)).toEqual(['process', 'path', 'buildid', 'parent', 'ancestors']);
    expect(line.process_loader).toMatchObject({
      path: '/\ufffda',
      buildid: 'awD/',
      process: { pid: 40, tid: 42 },
      parent: { pid: 30 },
    });
    expect(pids(line.process_loader.ancestors)).toEqual([20, 10, 1]);
    const [alone] = run({
      change: (event) => ({
        ...(load(event) as Event & { kind: 'loader' }),
        parent: undefined,
        buildId: wholeRange(Buffer.of()),
      }),
    }).slice(5);
    expect(Object.keys(alone.process_loader)).toEqual(['process', 'path']);
  });
});

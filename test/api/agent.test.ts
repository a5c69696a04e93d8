import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { frame } from '../../src/grpc/framing.ts';
import { callRaw } from '../../src/grpc/test-server.ts';
import { AgentProcess } from '../kernel/harness/agent-process.ts';
import { repositoryRoot } from '../vm/repository-root.ts';
import { type Message, ReferenceClient } from './reference-client.ts';

/*
 * A real agent, asked by the reference client, by `jatai` itself, and over TCP. It needs what every kernel since 5.10
 * gives to root: raw tracepoints and tracepoints of system calls.
 */
const missing = process.getuid?.() === 0 ? '' : 'needs root';
if (missing !== '') console.log(`test/api: skipped, ${missing}`);

const folder = mkdtempSync(join(tmpdir(), 'jatai-api-'));
const socket = join(folder, 'agent.sock');
const healthSocket = join(folder, 'health.sock');
const forbidden = join(folder, 'forbidden');

const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));

function policyYaml(name: string, path: string, action: string): string {
  return `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: ${name}
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_chdir
    message: "changes its directory"
    tags: ["observability.filesystem"]
    args:
    - index: 5
      type: string
    selectors:
    - matchArgs:
      - index: 5
        operator: Prefix
        values: ["${path}"]
      matchActions:
      - action: ${action}
`;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function jatai(...args: string[]): Outcome {
  const command = [...args, '--server-address', `unix://${socket}`];
  const { status, stdout, stderr } = spawnSync(join(repositoryRoot, 'bin/jatai'), command, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Changes to a directory in a shell of its own; the signal that ended it, if one did. */
function enter(path: string): string | null {
  return spawnSync('sh', ['-c', `cd ${path} && exit 3`]).signal;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never true: ${condition}`);
}

describe.skipIf(missing !== '')('the API of an agent', () => {
  let agent: AgentProcess;
  let client: ReferenceClient;
  let tcpAddress = '';
  let starts = 0;

  async function start(...more: string[]): Promise<void> {
    const server = ['--server-address', `127.0.0.1:0,unix://${socket}`, '--agent-info-file', join(folder, 'info.json')];
    const health = ['--health-server-address', `unix://${healthSocket}`];
    const kept = ['--persist-grpc-policies', '--persist-grpc-policies-dir', join(folder, 'kept')];
    const seen = [
      '--policy',
      join(folder, 'seen.yaml'),
      '--export-filename',
      join(folder, 'events.json'),
      '--log-level',
      'info',
    ];
    agent = new AgentProcess([...server, ...health, ...kept, ...seen, ...more], join(folder, `stderr-${starts++}`));
    const log = await agent.waitReady();
    tcpAddress = [...log.matchAll(/"address":"(127\.0\.0\.1:\d+)"/g)].at(-1)![1]!;
    client = new ReferenceClient(`unix://${socket}`);
  }

  beforeAll(async () => {
    mkdirSync(forbidden);
    writeFileSync(join(folder, 'seen.yaml'), policyYaml('seen', folder, 'Post'));
    writeFileSync(join(folder, 'killer.yaml'), policyYaml('killer', forbidden, 'Sigkill'));
    await start();
  }, 300_000);

  afterAll(async () => {
    client?.close();
    await agent?.stop();
    rmSync(folder, { recursive: true });
  }, 60_000);

  async function policies(domain = ''): Promise<Message[]> {
    return (await client.call('ListTracingPolicies', { domain })).policies;
  }

  test('what a client asks before anything else', async () => {
    expect(await client.call('GetVersion', {})).toEqual({ version });
    const info = await client.call('GetInfo', {});
    expect(info).toMatchObject({ version, name: 'jatai', build: { modified: 'false' } });
    expect(info.probes).toHaveLength(22);
    expect(info.probes).toContainEqual({ Name: 'large', Enabled: { value: true } });
    const cache = info.conf.find(({ key }: Message) => key === 'disable-process-cache');
    expect(cache.value.type_url).toBe('type.googleapis.com/google.protobuf.BoolValue');
    expect(await client.call('GetHealth', { event_set: ['HEALTH_STATUS_TYPE_STATUS'] })).toEqual({
      health_status: [{ event: 'HEALTH_STATUS_TYPE_STATUS', status: 'HEALTH_STATUS_RUNNING', details: 'running' }],
    });
    expect(await client.call('ListDomains', {})).toEqual({ domains: ['grpc', 'static'] });
    const told = JSON.parse(readFileSync(join(folder, 'info.json'), 'utf8'));
    expect(told).toMatchObject({ server_address: `unix://${socket}`, pid: agent.pid, max_recv_size: 10 * 2 ** 20 });
    const absent = ['lib_dir', 'map_dir', 'bpftool_path', 'gops_address', 'gops_path', 'metrics_address'];
    for (const key of absent) expect(told[key]).toBe('');
    expect(statSync(socket).mode & 0o777).toBe(0o660);
  });

  test('the same in bytes, by the field numbers of the specification', async () => {
    const session = connect('http://localhost', { createConnection: () => connectSocket({ path: socket }) });
    const exchange = async (method: string, request: string): Promise<string> => {
      const body = frame(Buffer.from(request.replaceAll(' ', ''), 'hex'));
      const answer = await callRaw(session, { ':path': `/tetragon.FineGuidanceSensors/${method}` }, [body]);
      return `${answer.grpcStatus} ${answer.body.subarray(5).toString('hex')}`;
    };
    const text = (field: string, value: string): string =>
      `${field}${Buffer.of(value.length).toString('hex')}${Buffer.from(value).toString('hex')}`;
    /* version = 1 */
    expect(await exchange('GetVersion', '')).toBe(`0 ${text('0a', version)}`);
    /* health_status = 1 {event = 1: 1, status = 2: 1, details = 3} */
    expect(await exchange('GetHealth', '0a01 01')).toBe(`0 0a0d08011001${text('1a', 'running')}`);
    /* domains = 1 */
    expect(await exchange('ListDomains', '')).toBe(`0 ${text('0a', 'grpc')}${text('0a', 'static')}`);
    /* domain = 1; policies = 1 {id = 1, name = 2, ..., enabled = 6, state = 9, memory = 10, mode = 11, domain = 13} */
    const list = await exchange('ListTracingPolicies', text('0a', 'static'));
    expect(list).toMatch(/^0 0a[89a-f].010801/);
    for (const part of [
      text('12', 'seen'),
      text('2a', 'generic_tracepoint'),
      '3001',
      '4801',
      '5803',
      text('6a', 'static'),
    ])
      expect(list).toContain(part);
    /* flag = 1, level = 2: 4 is INFO */
    expect(await exchange('GetDebug', '')).toBe('0 1004');
    /* name = 1, namespace = 2, domain = 3 */
    expect(await exchange('DeleteTracingPolicy', text('0a', 'x') + text('12', 'y') + text('1a', 'z'))).toBe('5 ');
    /* name = 1, enable = 3, mode = 4, domain = 5 */
    const configure = `${text('0a', 'seen')}1801 2001 ${text('2a', 'static')}`;
    expect(await exchange('ConfigureTracingPolicy', configure)).toBe('0 ');
    session.destroy();
  });

  test('a policy lives its whole life', async () => {
    expect(enter(forbidden)).toBe(null);
    await client.call('AddTracingPolicy', { yaml: policyYaml('killer', forbidden, 'Sigkill') });
    expect(enter(forbidden)).toBe('SIGKILL');
    await expect(client.call('AddTracingPolicy', { yaml: policyYaml('killer', '/', 'Post') })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    const counters = (policy: Message): Message => policy.stats.action_counters;
    const [status] = await policies('grpc');
    expect(status).toMatchObject({
      name: 'killer',
      domain: 'grpc',
      state: 'TP_STATE_ENABLED',
      mode: 'TP_MODE_ENFORCE',
      enabled: true,
      sensors: ['generic_tracepoint'],
      hook_statuses: [{ section: 'tracepoints', state: 'STATUS_LOADED', hook_description: 'syscalls/sys_enter_chdir' }],
    });
    expect(status.kernel_memory_bytes).toBeGreaterThan(0);
    expect(counters(status)).toEqual({ post: 1, signal: 1 });

    await client.call('ConfigureTracingPolicy', { name: 'killer', mode: 'TP_MODE_MONITOR' });
    expect(enter(forbidden)).toBe(null);
    const [monitored] = await policies('grpc');
    expect(monitored.mode).toBe('TP_MODE_MONITOR');
    expect(counters(monitored)).toEqual({ post: 2, signal: 1, monitor_signal: 1 });

    await client.call('ConfigureTracingPolicy', { name: 'killer', enable: false });
    expect(enter(forbidden)).toBe(null);
    const [disabled] = await policies('grpc');
    expect(disabled.state).toBe('TP_STATE_DISABLED');
    expect(counters(disabled)).toEqual({ post: 2, signal: 1, monitor_signal: 1 });

    await client.call('ConfigureTracingPolicy', { name: 'killer', enable: true, mode: 'TP_MODE_ENFORCE' });
    expect(enter(forbidden)).toBe('SIGKILL');
    await client.call('DeleteTracingPolicy', { name: 'killer' });
    expect(enter(forbidden)).toBe(null);
    expect(await policies('grpc')).toEqual([]);
  }, 60_000);

  test('a hook that may be missing is told', async () => {
    const yaml = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: partly
spec:
  kprobes:
  - syscall: true
    call: sys_nope
    ignore:
      callNotFound: true
  - syscall: true
    call: sys_chdir
    selectors:
    - matchPIDs:
      - operator: In
        values: [1]
`;
    await client.call('AddTracingPolicy', { yaml });
    const [partly] = await policies('grpc');
    expect(partly).toMatchObject({ name: 'partly', state: 'TP_STATE_PARTIALLY_ENABLED', enabled: true });
    expect(partly.hook_statuses).toEqual([
      { section: 'kprobes', state: 'STATUS_CALL_NOT_FOUND', hook_description: 'sys_nope' },
      { section: 'kprobes', state: 'STATUS_LOADED', hook_description: 'sys_chdir', hook_idx: 1 },
    ]);
    await client.call('DeleteTracingPolicy', { name: 'partly' });
    expect(agent.stderr()).toContain('no system call \\"nope\\": ignored as the policy asks');
  });

  test('a policy may be long, up to a limit', async () => {
    const padded = (bytes: number): string =>
      `${policyYaml('long', '/nowhere', 'Post')}${`# ${'x'.repeat(97)}\n`.repeat(bytes / 100)}`;
    await client.call('AddTracingPolicy', { yaml: padded(4_000_000) });
    await client.call('DeleteTracingPolicy', { name: 'long' });
    await expect(client.call('AddTracingPolicy', { yaml: padded(5_000_000) })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: expect.stringContaining('longer than the limit'),
    });
    expect(await policies('grpc')).toEqual([]);
  });

  test('a mode of a policy without anything to enforce is accepted', async () => {
    await client.call('ConfigureTracingPolicy', { name: 'seen', domain: 'static', mode: 'TP_MODE_ENFORCE' });
    const [seen] = await policies('static');
    expect(seen).toMatchObject({ name: 'seen', mode: 'TP_MODE_MONITOR_ONLY', info: join(folder, 'seen.yaml') });
  });

  test('refusals say why', async () => {
    const unknownTracepoint = policyYaml('broken', '/', 'Post').replace('sys_enter_chdir', 'sys_enter_chdirr');
    const cases: readonly (readonly [method: string, request: object, code: string, message: RegExp])[] = [
      ['AddTracingPolicy', { yaml: 'a: [' }, 'INVALID_ARGUMENT', /^policy-\d+\.yaml:1:\d+: error: /],
      ['AddTracingPolicy', { yaml: unknownTracepoint }, 'FAILED_PRECONDITION', /sys_enter_chdirr[\s\S]*\^/],
      ['AddTracingPolicy', { yaml: policyYaml('x', '/', 'Post'), domain: 'static' }, 'INVALID_ARGUMENT', /reserved/],
      ['DeleteTracingPolicy', { name: 'nobody' }, 'NOT_FOUND', /"nobody" of domain "grpc" does not exist/],
      ['DeleteTracingPolicy', { name: 'seen', domain: 'static' }, 'FAILED_PRECONDITION', /remove it there/],
      [
        'ConfigureTracingPolicy',
        { name: 'seen', domain: 'static', mode: 'TP_MODE_UNKNOWN' },
        'INVALID_ARGUMENT',
        /mode/,
      ],
      ['ListSensors', {}, 'UNIMPLEMENTED', /use ListTracingPolicies/],
      ['EnableTracingPolicy', { name: 'seen' }, 'UNIMPLEMENTED', /use ConfigureTracingPolicy/],
      ['ConfigureTracingPolicy', { name: 'broken', mode: 'TP_MODE_MONITOR' }, 'FAILED_PRECONDITION', /is not loaded/],
      ['GetDebug', { flag: 7 }, 'INVALID_ARGUMENT', /no flag 7/],
      ['SetDebug', { level: 42 }, 'INVALID_ARGUMENT', /no log level 42/],
      [
        'AddTracingPolicy',
        { yaml: policyYaml('x', '/', 'Post').replace('kind: TracingPolicy', 'kind: TracingPolicyNamespaced') },
        'INVALID_ARGUMENT',
        /pods of a namespace/,
      ],
      ['SetDebug', { flag: 'CONFIG_FLAG_DUMP_PROCESS_CACHE' }, 'INVALID_ARGUMENT', /cannot be set/],
    ];
    for (const [method, request, code, message] of cases) {
      const failed = expect(client.call(method, request), `${method} ${JSON.stringify(request)}`).rejects;
      await failed.toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await policies('grpc')).toMatchObject([{ name: 'broken', state: 'TP_STATE_LOAD_ERROR' }]);
    await client.call('DeleteTracingPolicy', { name: 'broken' });
  });

  test('events arrive with all they say, and only the fields that were asked for', async () => {
    const whole: Message[] = [];
    const cut: Message[] = [];
    const streams = [
      client.stream('GetEvents', {}).on('data', (event) => whole.push(event)),
      client
        .stream('GetEvents', { field_filters: [{ fields: { paths: ['process.binary', 'signal'] } }] })
        .on('data', (event) => cut.push(event)),
    ];
    await until(() => {
      enter(folder);
      return whole.some(isCall) && cut.length > 0;
    });
    for (const stream of streams) stream.cancel();
    const call = whole.find(isCall);
    expect(call.process_tracepoint).toMatchObject({
      process: { arguments: `-c "cd ${folder} && exit 3"`, uid: {} },
      parent: { pid: { value: process.pid } },
      subsys: 'syscalls',
      event: 'sys_enter_chdir',
      args: [{ string_arg: folder }],
      policy_name: 'seen',
      action: 'KPROBE_ACTION_POST',
      message: 'changes its directory',
      tags: ['observability.filesystem'],
    });
    expect(call.process_tracepoint.process.binary).toMatch(/\/(da|ba)?sh$/);
    expect(Object.keys(call).sort()).toEqual(['event', 'node_name', 'process_tracepoint', 'time']);
    for (const event of cut) {
      const content = event[event.event];
      expect(
        Object.keys(content).filter((name) => !['process', 'signal'].includes(name) && content[name].length !== 0),
      ).toEqual([]);
      expect(Object.keys(content.process).filter((name) => content.process[name].length !== 0)).toEqual(['binary']);
    }
  }, 60_000);

  function isCall(event: Message): boolean {
    return event.process_tracepoint?.args?.[0]?.string_arg === folder;
  }

  test('the headers of a stream come before its first event', async () => {
    const nothing = { deny_list: [{ binary_regex: [''] }] };
    const stream = client.stream('GetEvents', nothing);
    const headers = await new Promise<Message>((resolve) => stream.on('metadata', resolve));
    expect(headers.get('content-type')).toEqual(['application/grpc']);
    const failure = new Promise((resolve) => stream.on('error', resolve));
    stream.cancel();
    expect(await failure).toMatchObject({ code: 1 });
  });

  test('filters choose the events of each client', async () => {
    const requests: Readonly<Record<string, object>> = {
      /* What tetra sends when nothing is asked for. */
      everything: { allow_list: [{}] },
      policy: { allow_list: [{ policy_names: ['seen'] }] },
      kinds: { allow_list: [{ event_set: ['PROCESS_EXIT', 'PROCESS_EXEC'] }], deny_list: [{ pid: [1] }] },
      binary: { allow_list: [{ binary_regex: ['/(da|ba)?sh$'], arguments_regex: ['exit 3'] }] },
      nothing: { allow_list: [{ in_init_tree: { value: true } }], deny_list: [{ binary_regex: [''] }] },
      cel: { allow_list: [{ cel_expression: ["process_tracepoint.policy_name == 'seen'"] }] },
    };
    const received = new Map<string, Message[]>();
    const streams = Object.entries(requests).map(([name, request]) => {
      const events: Message[] = [];
      received.set(name, events);
      return client.stream('GetEvents', request).on('data', (event) => events.push(event));
    });
    const of = (name: string): Message[] => received.get(name)!;
    await until(() => {
      enter(folder);
      return ['everything', 'policy', 'kinds', 'binary', 'cel'].every((name) => of(name).length > 3);
    });
    for (const stream of streams) stream.cancel();
    for (const name of ['policy', 'cel'])
      for (const event of of(name)) expect(event.process_tracepoint.policy_name).toBe('seen');
    expect(new Set(of('kinds').map(({ event }) => event))).toEqual(new Set(['process_exec', 'process_exit']));
    for (const event of of('binary')) expect(event[event.event].process.arguments).toContain('exit 3');
    expect(of('nothing')).toEqual([]);
    const types = new Set(of('everything').map(({ event }) => event));
    expect(types).toEqual(new Set(['process_exec', 'process_exit', 'process_tracepoint']));
  }, 60_000);

  test('a filter that makes no sense ends the stream with the reason', async () => {
    const cases: readonly (readonly [request: object, message: RegExp])[] = [
      [{ allow_list: [{ binary_regex: ['('] }] }, /^allow_list: filter 1.*binary_regex/],
      [{ deny_list: [{ pid: [1] }, { cel_expression: ['1 +'] }] }, /^deny_list: filter 2.*cel_expression/],
      [{ field_filters: [{ fields: { paths: ['nope'] } }] }, /^field_filters: no event has a field "nope"$/],
      [{ aggregation_options: { window_size: { seconds: -1 } } }, /^aggregation_options/],
    ];
    for (const [request, message] of cases) {
      const failure = new Promise((resolve) => client.stream('GetEvents', request).on('error', resolve));
      expect(await failure).toMatchObject({ code: 3, details: expect.stringMatching(message) });
    }
  });

  test('equal calls of a window arrive as one, with their number', async () => {
    const events: Message[] = [];
    const aggregation_options = { window_size: { seconds: 1 } };
    const stream = client.stream('GetEvents', { aggregation_options }).on('data', (event) => events.push(event));
    await until(() => events.length > 0 || enter('/') !== null);
    spawnSync('sh', ['-c', `for i in 1 2 3 4 5; do cd ${folder}; done`]);
    const joined = (): Message => events.find((event) => isCall(event) && event.aggregation_info.count > 1);
    await until(() => joined() !== undefined);
    stream.cancel();
    expect(joined()).toMatchObject({ aggregation_info: { count: 5 }, process_tracepoint: { policy_name: 'seen' } });
    expect(events.filter((event) => event.process_exec !== undefined).every((event) => !event.aggregation_info)).toBe(
      true,
    );
  }, 60_000);

  test('the log level and the processes that are known', async () => {
    expect(await client.call('GetDebug', {})).toMatchObject({ level: 'LOG_LEVEL_INFO' });
    await client.call('SetDebug', { level: 'LOG_LEVEL_DEBUG' });
    expect(await client.call('GetDebug', {})).toMatchObject({ level: 'LOG_LEVEL_DEBUG' });
    const { processes } = await client.call('GetDebug', { flag: 'CONFIG_FLAG_DUMP_PROCESS_CACHE' });
    const self = processes.processes.find(({ process: known }: Message) => known.pid.value === process.pid);
    expect(self).toMatchObject({ color: 'inUse', refcnt: { value: self['process'].refcnt } });
    /* Itself, and its children: the agent is one. */
    expect(self['process'].refcnt).toBeGreaterThan(1);
    const dump = { skip_zero_refcnt: true, exclude_execve_map_processes: true };
    const rest = await client.call('GetDebug', { flag: 'CONFIG_FLAG_DUMP_PROCESS_CACHE', dump });
    for (const { color } of rest['processes']?.processes ?? []) expect(color).toBe('deletePending');
  });

  test('the rotation of the event file', async () => {
    const log = new ReferenceClient(`unix://${socket}`, 'tetragon.EventLogService');
    expect(await log.call('GetEventLogParams', {})).toMatchObject({ max_size: 10, max_backups: 5 });
    await log.call('SetEventLogParams', { max_size: 3, rotation_interval: '2h' });
    expect(await log.call('GetEventLogParams', {})).toEqual({
      max_size: 3,
      rotation_interval: '2h0m0s',
      max_backups: 5,
    });
    await expect(log.call('SetEventLogParams', { rotation_interval: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    log.close();
    const remote = new ReferenceClient(tcpAddress, 'tetragon.EventLogService');
    await expect(remote.call('SetEventLogParams', { max_size: 1 })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    remote.close();
  });

  test('messages of container runtimes are accepted, so that their containers start', async () => {
    const createContainer = { cgroupsPath: '/x', annotations: { a: 'b' }, containerID: 'c' };
    expect(await client.call('RuntimeHook', { createContainer })).toEqual({});
  });

  test('over TCP without TLS one may read and not change', async () => {
    const remote = new ReferenceClient(tcpAddress);
    expect((await remote.call('ListTracingPolicies', {})).policies).toMatchObject([{ name: 'seen' }]);
    const changes: readonly (readonly [method: string, request: object])[] = [
      ['AddTracingPolicy', { yaml: policyYaml('killer', forbidden, 'Sigkill') }],
      ['DeleteTracingPolicy', { name: 'seen' }],
      ['ConfigureTracingPolicy', { name: 'seen', domain: 'static', enable: false }],
      ['SetDebug', { level: 'LOG_LEVEL_TRACE' }],
      ['RuntimeHook', {}],
    ];
    for (const [method, request] of changes)
      await expect(remote.call(method, request)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    remote.close();
  });

  test('health and reflection, as tools ask for them', async () => {
    const health = new ReferenceClient(`unix://${socket}`, 'grpc.health.v1.Health');
    expect(await health.call('Check', { service: 'tetragon.FineGuidanceSensors' })).toEqual({ status: 'SERVING' });
    await expect(health.call('Check', { service: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    health.close();
    const probe = new ReferenceClient(`unix://${healthSocket}`, 'grpc.health.v1.Health');
    for (const service of ['', 'liveness', 'startup'])
      expect(await probe.call('Check', { service })).toEqual({ status: 'SERVING' });
    probe.close();
    const elsewhere = new ReferenceClient(`unix://${healthSocket}`);
    await expect(elsewhere.call('GetVersion', {})).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    elsewhere.close();
    for (const version of ['v1', 'v1alpha']) {
      const tool = new ReferenceClient(`unix://${socket}`, `grpc.reflection.${version}.ServerReflection`);
      const [services, files, unknown] = await tool.converse('ServerReflectionInfo', [
        { list_services: '*' },
        { file_containing_symbol: 'tetragon.FineGuidanceSensors.GetEvents' },
        { file_containing_symbol: 'tetragon.Nope' },
      ]);
      tool.close();
      const names = services.list_services_response.service.map(({ name }: Message) => name);
      expect(names).toContain('tetragon.FineGuidanceSensors');
      expect(names).toContain('grpc.health.v1.Health');
      expect(unknown.error_response).toMatchObject({ error_code: 5 });
      checkDescriptors(files.file_descriptor_response.file_descriptor_proto);
    }
  });

  /** The descriptors alone describe the API: every name in them resolves. */
  function checkDescriptors(files: Buffer[]): void {
    const file = files.map((bytes) => descriptor.FileDescriptorProto.decode(bytes));
    const set = descriptor.FileDescriptorSet.encode({ file }).finish();
    const root = protobuf.Root.fromDescriptor(set, { keepCase: true }).resolveAll();
    const pod = root.lookupType('tetragon.Pod');
    expect(pod.fields['pod_labels']).toMatchObject({ id: 5, map: true });
    expect(root.lookupType('tetragon.GetEventsResponse').fields['process_lsm']).toMatchObject({ id: 28 });
    expect(root.lookupService('tetragon.FineGuidanceSensors').methods['GetEvents']).toMatchObject({
      responseStream: true,
    });
    /* Without it a tool cannot send "enable": false. */
    expect(root.lookupType('tetragon.ConfigureTracingPolicyRequest').fields['enable']).toMatchObject({
      options: { proto3_optional: true },
    });
  }

  test('jatai policy and status', () => {
    expect(jatai('status').stdout).toMatch(/^Health: running\nVersion: .*\nPolicies: 1 enabled\n$/);
    expect(jatai('version', '-s').stdout).toMatch(/^jatai (\S+)\nagent \1\n$/);
    expect(jatai('policy', 'add', join(folder, 'killer.yaml'), '-m', 'monitor')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(enter(forbidden)).toBe(null);
    expect(jatai('policy', 'set-mode', 'killer', 'enforce').status).toBe(0);
    expect(enter(forbidden)).toBe('SIGKILL');
    const list = jatai('policy', 'list').stdout.trimEnd().split('\n');
    expect(list[0]).toMatch(
      /^ID +NAME +DOMAIN +STATE +FILTERID +NAMESPACE +SENSORS +KERNELMEMORY +MODE +NPOST +NENFORCE +NMONITOR$/,
    );
    expect(list[2]).toMatch(
      /^\d+ +killer +grpc +enabled +0 +\(global\) +generic_tracepoint +[\d.]+ kB +enforce +2 +1 +1$/,
    );
    const json = JSON.parse(jatai('policy', 'list', '-o', 'json', '--domain', 'grpc').stdout);
    expect(json.policies).toMatchObject([{ name: 'killer', mode: 'TP_MODE_ENFORCE' }]);
    expect(jatai('policy', 'disable', 'killer').status).toBe(0);
    expect(jatai('policy', 'status', 'killer')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /disabled, enforce.*\n.*sys_enter_chdir: not loaded\n.*post 2, signal 1, monitor_signal 1\n/,
      ),
    });
    expect(jatai('policy', 'delete', 'killer').status).toBe(0);
    expect(jatai('policy', 'delete', 'killer')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'jatai: the agent refused: The policy "killer" of domain "grpc" does not exist\n',
    });
    expect(jatai('loglevel', 'set', 'warn').status).toBe(0);
    expect(jatai('loglevel', 'get').stdout).toBe('warn\n');
  }, 120_000);

  test('jatai policy add finds mistakes before it asks', () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, policyYaml('wrong', '/', 'Sigkil'));
    const { status, stderr } = jatai('policy', 'add', wrong);
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^${wrong}:20:\\d+: error: .*Sigkil`));
  });

  test('jatai events prints what happens, in every form', async () => {
    const live = follow('--count', '4000', '-o', 'json', '-e', 'PROCESS_TRACEPOINT,PROCESS_EXEC');
    await until(() => {
      enter(folder);
      /* The first call that is seen may be of a process that started before the stream did. */
      return ['{"process_exec":', '"policy_name":"seen"'].every((text) =>
        live.lines().some((line) => line.includes(text)),
      );
    });
    live.child.kill();
    const saved = join(folder, 'saved.json');
    writeFileSync(saved, `${live.lines().join('\n')}\n`);
    const text = (options: string): string =>
      spawnSync('sh', ['-c', `${join(repositoryRoot, 'bin/jatai')} events ${options} < ${saved}`], { encoding: 'utf8' })
        .stdout;
    expect(text('-o compact -e process_tracepoint')).toContain(`syscalls sys_enter_chdir ${folder}\n`);
    expect(text('--tree')).toMatch(
      new RegExp(`\\n( *)🚀 process \\S+ \\S+sh -c .*\\n(?:.*\\n)*?\\1  ⁉️ tracepoint .* ${folder}\\n`),
    );
    expect(text('-o json -f process.pid -e PROCESS_EXEC').split('\n')[0]).toMatch(
      /^{"process_exec":{"process":{"pid":\d+}},/,
    );
    expect(text('-o json --policy-names other')).toBe('');
  }, 60_000);

  test('jatai events keeps up with a reader that is slow, or goes away', () => {
    const saved = join(folder, 'many.json');
    const event = { process_exec: { process: { binary: '/bin/x', arguments: 'x'.repeat(1000), pid: 7 } } };
    writeFileSync(saved, `${JSON.stringify(event)}\n`.repeat(3000));
    const run = (reader: string): Outcome =>
      spawnSync('bash', ['-c', `${join(repositoryRoot, 'bin/jatai')} events -o compact < ${saved} | ${reader}`], {
        encoding: 'utf8',
      });
    expect(run('(sleep 0.5; wc -l)')).toMatchObject({ stdout: '3000\n', stderr: '' });
    expect(run('head -1 | wc -l')).toMatchObject({ stdout: '1\n', stderr: '' });
  }, 60_000);

  function follow(...args: string[]): { child: ChildProcess; lines: () => string[] } {
    const command = ['events', ...args, '--server-address', `unix://${socket}`];
    const child = spawn(join(repositoryRoot, 'bin/jatai'), command, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
    });
    return { child, lines: () => text.slice(0, text.lastIndexOf('\n')).split('\n') };
  }

  test('jatai bugtool asks the agent and the kernel', () => {
    const archive = join(folder, 'bugs.tar.gz');
    writeFileSync(archive, '', { mode: 0o644 });
    expect(jatai('bugtool', '-o', archive)).toMatchObject({ status: 0, stderr: '' });
    expect(statSync(archive).mode & 0o777).toBe(0o600);
    const read = (name: string): string =>
      spawnSync('tar', ['xOzf', archive, `jatai-bugtool/${name}`], { encoding: 'utf8' }).stdout;
    expect(JSON.parse(read('agent/policies.json'))).toMatchObject([{ name: 'seen', state: 'TP_STATE_ENABLED' }]);
    expect(JSON.parse(read('agent/info.json')).probes).toHaveLength(22);
    expect(JSON.parse(read('kernel/probe.json')).features.rawTracepoint.available).toBe(true);
    expect(read('version.txt')).toContain(`jatai ${version}`);
  }, 60_000);

  test('policies of clients come back after a restart', async () => {
    await client.call('AddTracingPolicy', { yaml: policyYaml('killer', forbidden, 'Sigkill') });
    const impossible = policyYaml('broken', '/', 'Post').replace('sys_enter_chdir', 'sys_enter_chdirr');
    await expect(client.call('AddTracingPolicy', { yaml: impossible })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
    client.close();
    expect((await agent.stop()).status).toBe(0);
    expect(enter(forbidden)).toBe(null);
    const partly = join(folder, 'partly.yaml');
    const known = policyYaml('partly', join(folder, 'partly'), 'Sigkill');
    writeFileSync(partly, `${known}  - subsystem: syscalls\n    event: sys_enter_nope\n`);
    await start('--enable-deprecated-tracingpolicy-grpc', '--policy', partly);
    expect(enter(forbidden)).toBe('SIGKILL');
    expect(await policies('grpc')).toMatchObject([{ name: 'killer' }]);
  }, 120_000);

  test('a policy of which only a part is loaded can be changed like others', async () => {
    const place = join(folder, 'partly');
    mkdirSync(place);
    const status = async (): Promise<Message> => (await policies('static')).find(({ name }) => name === 'partly');
    const configure = (change: object): Promise<Message> =>
      client.call('ConfigureTracingPolicy', { name: 'partly', domain: 'static', ...change });
    expect(enter(place)).toBe('SIGKILL');
    await configure({ mode: 'TP_MODE_MONITOR' });
    expect(enter(place)).toBe(null);
    await configure({ enable: false });
    expect(await status()).toMatchObject({ state: 'TP_STATE_DISABLED' });
    await configure({ enable: true, mode: 'TP_MODE_ENFORCE' });
    expect(enter(place)).toBe('SIGKILL');
    expect(await status()).toMatchObject({
      state: 'TP_STATE_PARTIALLY_ENABLED',
      error: expect.stringContaining('sys_enter_nope'),
      hook_statuses: [{ state: 'STATUS_LOADED' }, { state: 'STATUS_CALL_NOT_FOUND', hook_idx: 1 }],
      stats: { action_counters: { post: 3, signal: 2, monitor_signal: 1 } },
    });
  }, 60_000);

  test('an older client switches policies by the calls it knows', async () => {
    await client.call('DisableTracingPolicy', { name: 'killer' });
    expect(enter(forbidden)).toBe(null);
    await client.call('EnableTracingPolicy', { name: 'killer', domain: 'grpc' });
    expect(enter(forbidden)).toBe('SIGKILL');
    await expect(client.call('DisableTracingPolicy', { name: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await client.call('DeleteTracingPolicy', { name: 'killer' });
    const policy = '"policy":"killer","namespace":"","domain":"grpc"';
    const log = agent.stderr();
    expect(log).toContain(`${policy},"enabled":false,"by":"unix socket","msg":"a client changed a policy"`);
    expect(log).toContain(`${policy},"by":"unix socket","msg":"a client deleted a policy"`);
  }, 60_000);

  test('without an agent a command says how to start one', () => {
    const address = `unix://${join(folder, 'nobody.sock')}`;
    const { status, stderr } = spawnSync(join(repositoryRoot, 'bin/jatai'), ['status', '--server-address', address], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toBe(
      `jatai: no agent answers at ${address}: connect ENOENT ${join(folder, 'nobody.sock')}\n` +
        `  hint: start one: jatai run --server-address ${address}\n`,
    );
  });
});

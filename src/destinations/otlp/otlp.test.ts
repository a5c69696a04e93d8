import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Metadata, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { afterAll, describe, expect, test } from 'vitest';
import { startOtlpReceiver } from '../../../test/receivers/otlp-receiver.ts';
import { makeTestCertificates } from '../../../test/receivers/test-certificates.ts';
import { defaultsOf } from '../../config/key-table.ts';
import type { Message } from '../destination.ts';
import { LineMessage } from '../line-message.ts';
import { destinationType, type OtlpConfig } from './otlp.ts';

const reports: string[] = [];
const never = new AbortController().signal;
const certificates = makeTestCertificates();
afterAll(() => certificates[Symbol.dispose]());

describe.each(['http/protobuf', 'grpc'] as const)('%s', (protocol) => {
  const failed = protocol === 'grpc' ? status.INVALID_ARGUMENT : 400;
  const unavailable = protocol === 'grpc' ? status.UNAVAILABLE : 503;
  const tooLarge = protocol === 'grpc' ? status.RESOURCE_EXHAUSTED : 413;

  test('exports an event with times, severity, name, body and attributes', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    const destination = await open(protocol, receiver.port, { resource: { 'deployment.environment.name': 'test' } });
    expect(await destination.deliver([kprobeEvent], never)).toEqual({ rejected: 0 });
    const [record] = receiver.records;
    expect(record).toMatchObject({
      timeUnixNano: 1_795_180_000_123_456_789n,
      severityNumber: 13,
      severityText: 'WARN',
      eventName: 'process_kprobe',
      scope: { name: 'jatai', version: '1.2.3' },
      resource: {
        'service.name': 'jatai',
        'service.version': '1.2.3',
        'host.name': expect.any(String),
        'os.type': 'linux',
        'deployment.environment.name': 'test',
      },
    });
    expect(Math.abs(Number(record!.observedTimeUnixNano / 1_000_000n) - Date.now())).toBeLessThan(60_000);
    expect(record!.body).toEqual(JSON.parse(kprobeEvent.body.toString()));
    expect(record!.attributes).toEqual({
      'tetragon.exec_id': 'bm9kZToxOjQy',
      'process.pid': 42,
      'process.creation.time': '2026-11-20T08:00:00.000000001Z',
      'process.executable.path': '/usr/bin/cat',
      'process.executable.name': 'cat',
      'process.command_line': '/usr/bin/cat /etc/shadow',
      'process.working_directory': '/root',
      'process.real_user.id': 1000,
      'container.id': 'c0ffee',
      'tetragon.parent_exec_id': 'bm9kZToxOjQx',
      'process.parent_pid': 41,
      'security_rule.name': 'keep-shadow',
      'security_rule.description': 'shadow was read',
      'tetragon.function_name': 'security_file_open',
      'tetragon.action': 'KPROBE_ACTION_OVERRIDE',
    });
    await destination.close();
  });

  test('sends the body as text when that is wanted', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    const destination = await open(protocol, receiver.port, { body: 'json' });
    await destination.deliver([kprobeEvent], never);
    expect(receiver.records[0]!.body).toBe(kprobeEvent.body.toString());
    await destination.close();
  });

  test('compresses, and sends the headers', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    const headers = { 'X-Tenant': { read: () => 'secret' } };
    const destination = await open(protocol, receiver.port, { compression: 'gzip', headers });
    await destination.deliver(exits(0, 50), never);
    expect(receiver.records.map(pidOf)).toEqual(range(0, 50));
    expect(receiver.headers['x-tenant']).toBe('secret');
    expect(receiver.headers['user-agent']).toMatch(/^jatai\/1\.2\.3/);
    if (protocol === 'http/protobuf') {
      expect(receiver.headers).toMatchObject({ 'content-encoding': 'gzip', ':path': '/v1/logs' });
    }
    await destination.close();
  });

  test('counts what the receiver rejects of a batch', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = () => ({ rejected: 2, message: 'too old' });
    const destination = await open(protocol, receiver.port);
    expect(await destination.deliver(exits(0, 5), never)).toEqual({ rejected: 2, reason: 'too old' });
    expect(receiver.records).toHaveLength(3);
    await destination.close();
  });

  test('reports a warning of the receiver once', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = () => ({ message: 'slow down, please' });
    const destination = await open(protocol, receiver.port);
    reports.length = 0;
    for (let times = 0; times < 3; times++) await destination.deliver(exits(0, 1), never);
    expect(reports).toEqual(['the receiver says "slow down, please"']);
    await destination.close();
  });

  test('rejects for good what the receiver refuses as a whole', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = () => ({ status: failed, message: 'no such thing' });
    const destination = await open(protocol, receiver.port);
    const delivery = await destination.deliver(exits(0, 5), never);
    expect(delivery).toMatchObject({ rejected: 5, reason: expect.stringContaining('no such thing') });
    await destination.close();
  });

  test('divides what is too large for one request', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = (records) => (records > 3 ? { status: tooLarge } : {});
    const destination = await open(protocol, receiver.port);
    expect(await destination.deliver(exits(0, 20), never)).toEqual({ rejected: 0 });
    expect(receiver.records.map(pidOf)).toEqual(range(0, 20));
    receiver.answer = () => ({ status: tooLarge });
    expect(await destination.deliver(exits(0, 3), never)).toMatchObject({ rejected: 3 });
    await destination.close();
  });

  test('says what was taken before a failure, and what was rejected of that', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    const answers = [{ status: tooLarge }, { rejected: 1, message: 'bad' }, { status: unavailable }];
    receiver.answer = () => answers.shift() ?? {};
    const destination = await open(protocol, receiver.port);
    const batch = exits(0, 8);
    await expect(destination.deliver(batch, never)).rejects.toMatchObject({
      retryable: true,
      delivered: 4,
      rejected: 1,
    });
    expect(await destination.deliver(batch.slice(4), never)).toEqual({ rejected: 0 });
    expect(receiver.records.map(pidOf)).toEqual(range(1, 7));
    await destination.close();
  });

  test('hands on how long the receiver wants a pause', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = () => ({
      status: protocol === 'grpc' ? status.RESOURCE_EXHAUSTED : 429,
      headers: { 'retry-after': '7' },
      trailers: retryInfo(7),
    });
    const destination = await open(protocol, receiver.port);
    await expect(destination.deliver(exits(0, 1), never)).rejects.toMatchObject({
      retryable: true,
      retryAfterMs: 7000,
    });
    await destination.close();
  });

  test('fails in a way that can be tried again while the receiver is away', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    const destination = await open(protocol, receiver.port);
    await destination.deliver(exits(0, 1), never);
    await receiver.stop();
    await expect(destination.deliver(exits(1, 1), never)).rejects.toMatchObject({ retryable: true, delivered: 0 });
    await expect(destination.deliver(exits(1, 1), never)).rejects.toThrow(/ECONNREFUSED/);
    await receiver.start();
    expect(await destination.deliver(exits(1, 1), never)).toEqual({ rejected: 0 });
    expect(receiver.records.map(pidOf)).toEqual([0, 1]);
    await destination.close();
  });

  test('opens a new connection when one gets no answer: its other end may have vanished', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    await using relay = await startRelay(receiver.port);
    const destination = await open(protocol, relay.port);
    await destination.deliver(exits(0, 1), never);
    relay.freeze();
    await expect(destination.deliver(exits(1, 1), AbortSignal.timeout(300))).rejects.toThrow('no answer in time');
    expect(await destination.deliver(exits(1, 1), AbortSignal.timeout(10_000))).toEqual({ rejected: 0 });
    await destination.close();
  });

  test('settles when it is aborted', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.answer = () => ({ status: unavailable });
    const destination = await open(protocol, receiver.port);
    await expect(destination.deliver(exits(0, 1), AbortSignal.abort())).rejects.toMatchObject({ retryable: true });
    await destination.close();
  });

  test('sends less at once to a receiver that is too slow for a whole batch', async () => {
    await using receiver = await startOtlpReceiver(protocol);
    receiver.delayMs = (records) => (records > 5 ? 60_000 : 0);
    const destination = await open(protocol, receiver.port);
    let left = exits(0, 20);
    while (left.length > 0) {
      const taken = await destination.deliver(left, AbortSignal.timeout(1000)).then(
        () => left.length,
        ({ delivered }) => delivered,
      );
      left = left.slice(taken);
    }
    expect(new Set(receiver.records.map(pidOf))).toEqual(new Set(range(0, 20)));
    receiver.delayMs = undefined;
    for (let times = 0; times < 4; times++) await destination.deliver(exits(0, 20), never);
    expect(receiver.requests).toContain(20);
    await destination.close();
  });

  test('proves who it is by TLS, and has the receiver prove it', async () => {
    const tls = { key: certificates.read('server.key'), cert: certificates.read('server.pem') };
    await using receiver = await startOtlpReceiver(protocol, { ...tls, ca: certificates.read('authority.pem') });
    const settings = (own: object): Partial<OtlpConfig> => ({
      endpoint: `https://localhost:${receiver.port}`,
      tls: { ca: undefined, cert: undefined, key: undefined, serverName: undefined, insecureSkipVerify: false, ...own },
    });
    const ca = certificates.path('authority.pem');
    const own = { ca, cert: certificates.path('client.pem'), key: certificates.path('client.key') };
    const destination = await open(protocol, 0, settings(own));
    await destination.deliver(exits(0, 1), never);
    expect(receiver.records).toHaveLength(1);
    const careful = await open(protocol, 0, settings({ ...own, ca: undefined }));
    await expect(careful.deliver(exits(0, 1), never)).rejects.toMatchObject({ retryable: true });
    const anonymous = await open(protocol, 0, settings({ ca }));
    await expect(anonymous.deliver(exits(0, 1), never)).rejects.toMatchObject({ retryable: true });
    for (const one of [destination, careful, anonymous]) await one.close();
  });
});

test.each([
  ['info', 9, 'INFO'],
  ['low', 10, 'LOW'],
  ['medium', 13, 'MEDIUM'],
  ['high', 17, 'HIGH'],
  ['critical', 21, 'CRITICAL'],
] as const)('a policy of severity %s makes records of number %i', async (severity, severityNumber, severityText) => {
  await using receiver = await startOtlpReceiver('http/protobuf');
  const destination = await open('http/protobuf', receiver.port);
  const [message] = exits(0, 1);
  await destination.deliver([{ ...message!, severity }], never);
  expect(receiver.records[0]).toMatchObject({ severityNumber, severityText });
  await destination.close();
});

test('attributes of an exit, a container and a list of arguments', async () => {
  await using receiver = await startOtlpReceiver('http/protobuf');
  const destination = await open('http/protobuf', receiver.port);
  const process = {
    exec_id: 'x',
    pid: 7,
    binary: '/bin/sh',
    arguments: '-c "a b"',
    arguments_list: ['-c', 'a b'],
    process_credentials: { euid: 0 },
    pod: { namespace: 'shop', name: 'cart-1', container: { name: 'cart', image: { name: 'cart:1' } } },
  };
  await destination.deliver([message({ process_exit: { process, status: 3 }, time: '2026-11-20T08:00:00Z' })], never);
  await destination.deliver([message({ process_exit: { process, signal: 'SIGKILL' } })], never);
  const [exited, killed] = receiver.records.map(({ attributes }) => attributes);
  expect(exited).toMatchObject({
    'process.command_args': ['/bin/sh', '-c', 'a b'],
    'process.user.id': 0,
    'process.exit.code': 3,
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': 'cart-1',
    'k8s.container.name': 'cart',
    'container.image.name': 'cart:1',
  });
  expect(exited).not.toHaveProperty('process.command_line');
  expect(killed).toMatchObject({ 'tetragon.signal': 'SIGKILL' });
  expect(killed).not.toHaveProperty('process.exit.code');
  await destination.close();
});

test('an idle connection that the receiver closes is no failure', async () => {
  await using receiver = await startOtlpReceiver('http/protobuf');
  const destination = await open('http/protobuf', receiver.port);
  await destination.deliver(exits(0, 1), never);
  await receiver.stop();
  await receiver.start();
  expect(await destination.deliver(exits(1, 1), never)).toEqual({ rejected: 0 });
  await destination.close();
});

test('negative and large numbers, empty members and strange texts survive', async () => {
  await using receiver = await startOtlpReceiver('http/protobuf');
  const destination = await open('http/protobuf', receiver.port);
  const details = {
    a: -1,
    b: -(2 ** 40),
    c: 2 ** 40,
    d: 1.5,
    e: '',
    f: [],
    g: {},
    h: true,
    i: '\u0000\ufffd🐝',
    j: [1, 'x'],
  };
  await destination.deliver([message({ process_lsm: details })], never);
  expect(receiver.records[0]!.body).toEqual({ process_lsm: details });
  await destination.close();
});

const kprobeEvent = message({
  process_kprobe: {
    process: {
      exec_id: 'bm9kZToxOjQy',
      pid: 42,
      uid: 1000,
      cwd: '/root',
      binary: '/usr/bin/cat',
      arguments: '/etc/shadow',
      start_time: '2026-11-20T08:00:00.000000001Z',
      docker: 'c0ffee',
      parent_exec_id: 'bm9kZToxOjQx',
    },
    parent: { exec_id: 'bm9kZToxOjQx', pid: 41 },
    function_name: 'security_file_open',
    args: [{ int_arg: -1 }, { size_arg: '18446744073709551615' }],
    action: 'KPROBE_ACTION_OVERRIDE',
    policy_name: 'keep-shadow',
    message: 'shadow was read',
  },
  node_name: 'node-1',
  time: '2026-11-20T13:06:40.123456789Z',
});

function message(event: object): Message {
  const line = Buffer.from(JSON.stringify(event));
  return new LineMessage(line, line);
}

function exits(from: number, count: number): Message[] {
  return range(from, count).map((pid) => {
    const body = Buffer.from(JSON.stringify({ process_exit: { process: { pid } } }));
    return { body, timeNs: 1n, eventType: 'process_exit', execId: `id-${pid}`, severity: 'info' };
  });
}

function pidOf({ attributes }: { readonly attributes: Readonly<Record<string, unknown>> }): unknown {
  return attributes['process.pid'];
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

function open(protocol: 'http/protobuf' | 'grpc', port: number, settings: Partial<OtlpConfig> = {}) {
  const config: OtlpConfig = {
    ...(defaultsOf(destinationType.keys) as OtlpConfig),
    protocol,
    endpoint: `http://127.0.0.1:${port}`,
    ...settings,
  };
  return destinationType.open(config, {
    nodeName: 'node-1',
    version: '1.2.3',
    report: (text) => reports.push(text),
  });
}

/** Relays connections to a port; those that are open when it freezes stay open and carry nothing any more. */
async function startRelay(port: number) {
  const open = new Set<Socket>();
  const frozen = new WeakSet<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => {}).on('close', () => to.destroy());
      from.on('data', (bytes) => {
        if (!frozen.has(from)) to.write(bytes);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      for (const socket of open) frozen.add(socket);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}

/** `google.rpc.Status` with a `RetryInfo`. */
function retryInfo(seconds: number): Metadata {
  const { root } = protobuf.parse(`syntax = "proto3"; package google.rpc;
    message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
    message Any { string type_url = 1; bytes value = 2; }
    message RetryInfo { Duration retry_delay = 1; }
    message Duration { int64 seconds = 1; int32 nanos = 2; }`);
  const encode = (type: string, value: object): Uint8Array => {
    const found = root.lookupType(`google.rpc.${type}`);
    return found.encode(found.fromObject(value)).finish();
  };
  const info = encode('RetryInfo', { retryDelay: { seconds } });
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: info }];
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(encode('Status', { code: 8, details })));
  return metadata;
}

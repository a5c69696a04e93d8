import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GrpcClient } from '../client/grpc-client.ts';
import { frame } from './framing.ts';
import { maxWaitingBytes } from './get-events.ts';
import { listen } from './listener.ts';
import { singleRequest } from './method.ts';
import { GrpcServer, type Route, type Routes } from './server.ts';
import { parseServerAddress, serverAddressText } from './server-address.ts';
import { decodeStatusMessage, encodeStatusMessage, StatusError } from './status.ts';
import { callRaw, startTestServer, type TestServer } from './test-server.ts';

const routes: Routes = new Map<string, Route>([
  [
    '/test.Test/Echo',
    (call) => ({
      onMessage: (message) => {
        call.send(message);
        call.finish();
      },
    }),
  ],
  [
    '/test.Test/Fail',
    () => ({
      onMessage: (message) => {
        throw new StatusError('FAILED_PRECONDITION', message.toString());
      },
    }),
  ],
  ['/test.Test/Once', () => singleRequest(() => {})],
  ['/test.Test/Wait', (call) => ({ onMessage: () => call.respond() })],
  ['/test.Test/Flood', (call) => ({ onMessage: () => call.sendFrames(Buffer.alloc(maxWaitingBytes)) })],
  [
    '/test.Test/Count',
    (call) => ({
      onMessage: (message) => {
        for (let index = 0; index < Number(message.toString()); index++) call.send(Buffer.from(String(index)));
        call.finish();
      },
    }),
  ],
]);

let test1: TestServer;
beforeAll(async () => {
  test1 = await startTestServer({ routes });
});
afterAll(() => test1[Symbol.asyncDispose]());

function connect(): Promise<GrpcClient> {
  return GrpcClient.connect({ address: { kind: 'unix', path: test1.socket }, timeoutMs: 5000 });
}

describe('GrpcServer', () => {
  test('answers a call, also when its bytes come one by one', async () => {
    const bytes = frame(Buffer.from('hello'));
    const pieces = Array.from(bytes, (byte) => Buffer.of(byte));
    const answer = await callRaw(test1.connect(), { ':path': '/test.Test/Echo' }, pieces);
    expect(answer).toEqual({ httpStatus: 200, grpcStatus: '0', message: undefined, body: bytes });
  });

  test('answers an empty message and a large one', async () => {
    using client = await connect();
    expect(await client.unary('/test.Test/Echo', Buffer.alloc(0))).toEqual(Buffer.alloc(0));
    const large = Buffer.alloc(3_000_000, 'x');
    expect((await client.unary('/test.Test/Echo', large)).equals(large)).toBe(true);
  });

  test('sends many messages in order', async () => {
    using client = await connect();
    const received: string[] = [];
    for await (const message of client.stream('/test.Test/Count', Buffer.from('20000')))
      received.push(message.toString());
    expect(received).toEqual(Array.from({ length: 20_000 }, (_, index) => String(index)));
  });

  test('tells why a call failed, whatever is in the text', async () => {
    using client = await connect();
    const reason = 'policy.yaml:1:2: error: "é€😀" 100 %\n  ^';
    await expect(client.unary('/test.Test/Fail', Buffer.from(reason))).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: reason,
    });
  });

  test('a client that reads nothing of a stream is answered on the same connection', async () => {
    const session = test1.connect();
    const flood = session.request({
      ':method': 'POST',
      ':path': '/test.Test/Flood',
      'content-type': 'application/grpc',
    });
    flood.end(Buffer.alloc(5));
    await new Promise((resolve) => flood.once('response', resolve));
    const answer = await callRaw(session, { ':path': '/test.Test/Echo' }, [Buffer.alloc(5)]);
    expect(answer).toMatchObject({ grpcStatus: '0' });
  });

  const refusals: readonly (readonly [name: string, headers: Record<string, string>, body: Buffer, answer: object])[] =
    [
      ['an unknown method', { ':path': '/test.Test/Nope' }, Buffer.alloc(5), { grpcStatus: '12' }],
      [
        'another content type',
        { ':path': '/test.Test/Echo', 'content-type': 'text/plain' },
        Buffer.alloc(5),
        { httpStatus: 415 },
      ],
      [
        'another method of HTTP',
        { ':path': '/test.Test/Echo', ':method': 'PUT' },
        Buffer.alloc(5),
        { httpStatus: 415 },
      ],
      ['a compressed message', { ':path': '/test.Test/Echo' }, Buffer.of(1, 0, 0, 0, 0), { grpcStatus: '12' }],
      ['a message that is too long', { ':path': '/test.Test/Echo' }, Buffer.of(0, 0xff, 0, 0, 0), { grpcStatus: '8' }],
      ['half a message', { ':path': '/test.Test/Echo' }, Buffer.of(0, 0, 0, 0, 9, 1), { grpcStatus: '13' }],
      ['a call without a request', { ':path': '/test.Test/Once' }, Buffer.alloc(0), { grpcStatus: '13' }],
      ['two requests for one', { ':path': '/test.Test/Once' }, Buffer.alloc(10), { grpcStatus: '13' }],
      ['a deadline', { ':path': '/test.Test/Wait', 'grpc-timeout': '50m' }, Buffer.alloc(5), { grpcStatus: '4' }],
    ];
  for (const [name, headers, body, answer] of refusals) {
    test(`refuses ${name}`, async () => {
      expect(await callRaw(test1.connect(), headers, [body])).toMatchObject(answer);
    });
  }

  test('garbage, cut connections and calls that are given up harm nobody', async () => {
    let seed = 7;
    const random = (bound: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % bound;
    };
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    for (let round = 0; round < 200; round++) {
      const socket = connectSocket({ path: test1.socket });
      socket.on('error', () => {});
      if (random(2) === 0) socket.write(preface);
      socket.write(Buffer.from(Array.from({ length: random(300) }, () => random(256))));
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
      const session = test1.connect();
      const stream = session.request({
        ':method': 'POST',
        ':path': '/test.Test/Count',
        'content-type': 'application/grpc',
      });
      stream.on('error', () => {});
      stream.end(frame(Buffer.from('1000')));
      await new Promise((resolve) => setTimeout(resolve, random(4)));
      if (random(2) === 0) stream.close(8);
      else session.destroy();
    }
    using client = await connect();
    expect((await client.unary('/test.Test/Echo', Buffer.from('x'))).toString()).toBe('x');
  });

  test('ends calls when it closes', async () => {
    await using other = await startTestServer({ routes });
    const client = await GrpcClient.connect({ address: { kind: 'unix', path: other.socket }, timeoutMs: 5000 });
    const waiting = client.unary('/test.Test/Wait', Buffer.alloc(0));
    const outcome = expect(waiting).rejects.toMatchObject({ status: 'UNAVAILABLE' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await other.server.close();
    await outcome;
  });
});

describe('listening', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-listen-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('a socket file is for owner and group', () => {
    expect(statSync(test1.socket).mode & 0o777).toBe(0o660);
  });

  test('replaces a socket that nobody serves', async () => {
    const path = join(folder, 'stale.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    /* A crashed process leaves the file behind, closing it would not. */
    dead.unref();
    const copy = join(folder, 'copy.sock');
    const { linkSync } = await import('node:fs');
    linkSync(path, copy);
    await new Promise((resolve) => dead.close(resolve));
    const server = new GrpcServer({ routes });
    await server.listen({ kind: 'unix', path: copy });
    await server.close();
  });

  test('refuses a socket that somebody serves', async () => {
    const server = new GrpcServer({ routes });
    await expect(server.listen({ kind: 'unix', path: test1.socket })).rejects.toThrow('is served by another process');
    await server.close();
    using client = await connect();
    expect((await client.unary('/test.Test/Echo', Buffer.from('x'))).toString()).toBe('x');
  });

  test('refuses to replace what is no socket', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'precious');
    const server = new GrpcServer({ routes });
    await expect(server.listen({ kind: 'unix', path })).rejects.toThrow('exists and is no socket');
    await server.close();
  });

  test('says how long the name of a socket may be', async () => {
    const path = join(folder, 'x'.repeat(107));
    await expect(listen(createServer(), { kind: 'unix', path })).rejects.toThrow(
      /x is \d+ bytes long; the path of a socket has 107 at most/,
    );
  });

  test('goes on when a connection cannot be accepted', async () => {
    const server = createServer();
    await listen(server, { kind: 'unix', path: join(folder, 'accept.sock') });
    server.emit('error', new Error('accept ENOMEM'));
    expect(server.listening).toBe(true);
    server.close();
  });

  test('gives the port that the system chose', async () => {
    const server = new GrpcServer({ routes });
    const address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    using client = await GrpcClient.connect({ address, timeoutMs: 5000 });
    expect((await client.unary('/test.Test/Echo', Buffer.from('x'))).toString()).toBe('x');
    client.close();
    await server.close();
  });
});

describe('addresses', () => {
  test.each([
    ['unix:///run/a.sock', 'unix:///run/a.sock'],
    ['unix:/run/a.sock', 'unix:///run/a.sock'],
    ['localhost:54321', 'localhost:54321'],
    [':6789', 'localhost:6789'],
    ['[::1]:80', '[::1]:80'],
  ])('%s', (text, expected) => {
    expect(serverAddressText(parseServerAddress(text)!)).toBe(expected);
  });

  test.each([
    '',
    'unix:relative',
    'unix://relative/path',
    'host',
    'host:',
    'host:70000',
    'a b:1',
    '::1:80',
    'http://x:1',
  ])('not %s', (text) => {
    expect(parseServerAddress(text)).toBeUndefined();
  });
});

describe('status messages', () => {
  test.each(['plain', 'a%b', 'é€😀\n\t"', '%41', ''])('%j goes both ways', (text) => {
    const encoded = encodeStatusMessage(text);
    expect(encoded).toMatch(/^[ -~]*$/);
    expect(decodeStatusMessage(encoded)).toBe(text);
  });

  test('what is too long is cut off behind a character', () => {
    const encoded = encodeStatusMessage('é€😀'.repeat(1000), 100);
    expect(encoded.length).toBeLessThanOrEqual(100);
    expect(decodeStatusMessage(encoded)).toMatch(/^(é€😀)+[é€]*\.\.\.$/);
  });
});

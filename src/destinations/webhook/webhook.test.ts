import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { defaultsOf } from '../../config/key-table.ts';
import { type Destination, DestinationError, type Message } from '../destination.ts';
import { retryAfterMs } from '../http-client.ts';
import { destinationType, type WebhookConfig } from './webhook.ts';

let server: Server | undefined;
let destination: Destination | undefined;
afterEach(async () => {
  await destination?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
});

describe('webhook', () => {
  test('posts an array', async () => {
    const requests = await receive([200]);
    await deliver(3);
    const [{ headers, body }] = requests as [Received];
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'jatai/1.2.3' });
    expect(JSON.parse(body.toString())).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  });

  test('posts lines, compressed, with headers whose values are secrets', async () => {
    const headers = { Authorization: { read: () => 'Bearer abc' } };
    const requests = await receive([202], { format: 'ndjson', compression: 'gzip', headers });
    await deliver(2);
    const [request] = requests as [Received];
    expect(request.headers).toMatchObject({
      authorization: 'Bearer abc',
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    expect(gunzipSync(request.body).toString()).toBe('{"n":0}\n{"n":1}\n');
  });

  test.each([
    [429, true],
    [500, true],
    [503, true],
    [408, true],
    [400, false],
    [404, false],
    [301, false],
  ])('status %d can be tried again: %s', async (status, retryable) => {
    await receive([status]);
    const error = await failureOf(deliver(2));
    expect(error).toMatchObject({ retryable, retryAfterMs: 3000, message: `status ${status}: "why"`, delivered: 0 });
  });

  test('what is too large is sent in parts, and one event that is too large alone is refused', async () => {
    const requests = await receive((body) => (body.includes('"n":5') || body.length > 20 ? 413 : 200));
    expect(await deliver(8)).toEqual({ rejected: 1, reason: 'status 413: "why"' });
    const taken = requests.filter(({ status }) => status === 200).flatMap(({ body }) => JSON.parse(body.toString()));
    expect(taken.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 6, 7]);
  });

  test('a receiver that fails behind the first half has taken that', async () => {
    await receive((body) => (body.length > 40 ? 413 : body.includes('"n":0') ? 200 : 503));
    expect(await failureOf(deliver(8))).toMatchObject({ retryable: true, delivered: 4 });
  });

  test('a receiver that fails behind a half of which it refused some gets neither again', async () => {
    await receive((body) => (body.length > 20 || body.includes('"n":1') ? 413 : body.includes('"n":4') ? 503 : 200));
    expect(await failureOf(deliver(8))).toMatchObject({ retryable: true, delivered: 4, rejected: 1 });
  });

  test('an answer that never ends is an answer', async () => {
    await receive([200]);
    server!.removeAllListeners('request').on('request', (request, response) => {
      request.resume();
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(65_536)), 1);
      response.on('close', () => clearInterval(timer));
    });
    expect(await deliver(1, AbortSignal.timeout(10_000))).toEqual({ rejected: 0 });
  });

  test('nobody there, and nobody who answers in time', async () => {
    await receive([200]);
    server!.close();
    await expect(deliver(1)).rejects.toThrow('ECONNREFUSED');
    const requests = await receive(() => undefined);
    await expect(deliver(1, AbortSignal.timeout(3000))).rejects.toThrow('aborted');
    expect(requests).toHaveLength(1);
  });
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-20T10:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Fri, 20 Nov 2026 10:00:05 GMT', now)).toBe(5000);
  expect(retryAfterMs('Fri, 20 Nov 2026 09:00:00 GMT', now)).toBe(0);
  expect(retryAfterMs('soon', now)).toBeUndefined();
});

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly status: number | undefined;
}

/** Starts a server and a destination for it; answers with these statuses in turn, or what a function of the body says. */
async function receive(
  answers: readonly number[] | ((body: string) => number | undefined),
  change: Partial<WebhookConfig> = {},
): Promise<Received[]> {
  const requests: Received[] = [];
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const status = typeof answers === 'function' ? answers(body.toString()) : answers[requests.length];
    requests.push({ headers: request.headers, body, status });
    if (status !== undefined) response.writeHead(status, { 'retry-after': '3' }).end('why');
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const address = new URL(`http://127.0.0.1:${port}/events`);
  const config = { ...defaultsOf(destinationType.keys), address, ...change } as WebhookConfig;
  destination = await destinationType.open(config, { nodeName: 'n', version: '1.2.3', report: () => {} });
  return requests;
}

function deliver(count: number, signal = new AbortController().signal) {
  const batch = Array.from({ length: count }, (_, n) => ({ body: Buffer.from(JSON.stringify({ n })) }) as Message);
  return destination!.deliver(batch, signal);
}

async function failureOf(delivery: Promise<unknown>): Promise<DestinationError> {
  const error = await delivery.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DestinationError);
  return error as DestinationError;
}

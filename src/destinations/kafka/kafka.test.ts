import { describe, expect, test, vi } from 'vitest';
import {
  type ConsumedMessage,
  consumeKafka,
  startKafkaBroker,
  whyNoKafkaBroker,
} from '../../../test/receivers/kafka-broker.ts';
import { startKafkaProxy } from '../../../test/receivers/kafka-proxy.ts';
import { makeTestCertificates } from '../../../test/receivers/test-certificates.ts';
import { defaultsOf } from '../../config/key-table.ts';
import type { Message } from '../destination.ts';
import { destinationType, type KafkaConfig } from './kafka.ts';

const missing = whyNoKafkaBroker();
if (missing !== undefined) console.warn(`skipped: Kafka: ${missing}`);
const topic = 'events';

describe.skipIf(missing !== undefined)('kafka', { timeout: 60_000 }, () => {
  test('writes key, value, headers and time of the event', async () => {
    await using broker = await startKafkaBroker(topic, 3);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address);
    expect(await destination.deliver(messages(0, 5), never)).toEqual({ rejected: 0 });
    await until(consumer.messages, 5);
    const third = consumer.messages.find(({ payload }) => payload === '{"n":3}')!;
    expect(third).toMatchObject({ key: 'process-3', ts: 1_795_180_003_000 });
    expect(third.headers).toEqual([
      'event_type',
      'process_exec',
      'node_name',
      'node-1',
      'content_type',
      'application/json',
    ]);
    await destination.close();
  });

  test.for(['gzip', 'snappy', 'lz4', 'zstd'] as const)('compresses by %s', async (compression) => {
    await using broker = await startKafkaBroker(topic, 1);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address, { compression });
    await destination.deliver(messages(0, 100), never);
    await until(consumer.messages, 100);
    expect(numbers(consumer.messages)).toEqual(range(0, 100));
    await destination.close();
  });

  test('keeps the order of a process, and spreads processes', async () => {
    await using broker = await startKafkaBroker(topic, 4);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address);
    for (let from = 0; from < 400; from += 50) await destination.deliver(messages(from, 50), never);
    await until(consumer.messages, 400);
    const byProcess = Map.groupBy(consumer.messages, ({ key }) => key);
    for (const [, ofOne] of byProcess) {
      expect(new Set(ofOne.map(({ partition }) => partition)).size).toBe(1);
      expect(inOrder(ofOne)).toEqual(numbers(ofOne));
    }
    expect(new Set(consumer.messages.map(({ partition }) => partition)).size).toBeGreaterThan(1);
    await destination.close();
  });

  test('fails at once without a broker, and writes the batch once when it is back', async () => {
    await using broker = await startKafkaBroker(topic, 3);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address);
    await destination.deliver(messages(0, 10), never);
    await broker.stop();
    const batch = messages(10, 10);
    await expect(destination.deliver(batch, never)).rejects.toMatchObject({ retryable: true });
    await expect(destination.deliver(batch, never)).rejects.toThrow(/ECONNREFUSED/);
    await broker.start();
    await deliverAtLast(destination, batch);
    await until(consumer.messages, 20);
    expect(numbers(consumer.messages)).toEqual(range(0, 20));
    await destination.close();
  });

  test('drops nothing but what the broker refuses', async () => {
    await using broker = await startKafkaBroker(topic, 1);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address);
    /* The batch, its first half, and the first quarter down to one message. */
    await broker.fail(produceApi, [messageTooLarge, messageTooLarge, messageTooLarge, messageTooLarge]);
    const delivery = await destination.deliver(messages(0, 8), never);
    expect(delivery).toMatchObject({ rejected: 1, reason: expect.stringContaining('MESSAGE_TOO_LARGE') });
    await until(consumer.messages, 7);
    expect(numbers(consumer.messages)).toEqual(range(1, 7));
    await destination.close();
  });

  test('says why a topic cannot be written, and waits for it', async () => {
    await using broker = await startKafkaBroker(topic, 1);
    const destination = await open(broker.address);
    await broker.fail(produceApi, [topicAuthorizationFailed]);
    const batch = messages(0, 1);
    const attempt = destination.deliver(batch, never);
    await expect(attempt).rejects.toMatchObject({ retryable: true, message: expect.stringContaining('AUTHORIZATION') });
    expect(await destination.deliver(batch, never)).toEqual({ rejected: 0 });
    await destination.close();
  });

  test('asks the next broker when the first one is away', async () => {
    await using broker = await startKafkaBroker(topic, 1);
    const destination = await open(`127.0.0.1:1,${broker.address}`);
    expect(await destination.deliver(messages(0, 1), never)).toEqual({ rejected: 0 });
    await destination.close();
  });

  test('follows the partitions when another broker leads them', async () => {
    await using broker = await startKafkaBroker(topic, 2, 2);
    await using consumer = consumeKafka(broker, topic);
    const destination = await open(broker.address);
    await broker.lead(1);
    await destination.deliver(messages(0, 10), never);
    await broker.lead(2);
    await deliverAtLast(destination, messages(10, 10));
    await broker.stop(1);
    await deliverAtLast(destination, messages(20, 10));
    await until(consumer.messages, 30);
    expect(numbers(consumer.messages)).toEqual(range(0, 30));
    await destination.close();
  });

  test('proves who it is by TLS, and has the broker prove it', async () => {
    using certificates = makeTestCertificates();
    const ca = certificates.read('authority.pem');
    const server = { key: certificates.read('server.key'), cert: certificates.read('server.pem'), ca };
    await using broker = await startKafkaBroker(topic, 1);
    await using proxy = await startKafkaProxy(broker.address, { tls: { ...server, requestCert: true } });
    await using consumer = consumeKafka(broker, topic);
    const tls = {
      ca: certificates.path('authority.pem'),
      cert: certificates.path('client.pem'),
      key: certificates.path('client.key'),
      serverName: undefined,
      insecureSkipVerify: false,
    };
    const destination = await open(proxy.address, { tls });
    await destination.deliver(messages(0, 1), never);
    await until(consumer.messages, 1);
    const careful = await open(proxy.address, { tls: { ...tls, ca: undefined } });
    await expect(careful.deliver(messages(0, 1), never)).rejects.toThrow(/certificate/);
    const plain = await open(proxy.address);
    await expect(plain.deliver(messages(0, 1), never)).rejects.toMatchObject({ retryable: true });
    for (const one of [destination, careful, plain]) await one.close();
  });

  test('says who it is by SASL, with a password that may change', async () => {
    await using broker = await startKafkaBroker(topic, 1);
    await using proxy = await startKafkaProxy(broker.address, { login: 'jatai:right' });
    let password = 'wrong';
    const sasl = {
      mechanism: 'PLAIN',
      username: { read: () => 'jatai' },
      password: { read: () => password },
      token: undefined,
    } as const;
    const destination = await open(proxy.address, { sasl });
    const batch = messages(0, 1);
    await expect(destination.deliver(batch, never)).rejects.toThrow(/SASL/);
    password = 'right';
    await deliverAtLast(destination, batch);
    expect(proxy.logins).toContain('jatai:wrong');
    expect(proxy.logins.at(-1)).toBe('jatai:right');
    await destination.close();
  });

  test('settles when it is aborted, and goes on with another batch', async () => {
    await using broker = await startKafkaBroker(topic, 1);
    await using consumer = consumeKafka(broker, topic);
    await broker.stop();
    const destination = await open(broker.address);
    await expect(destination.deliver(messages(0, 1), AbortSignal.timeout(50))).rejects.toMatchObject({
      retryable: true,
    });
    await broker.start();
    await deliverAtLast(destination, messages(1, 1));
    await until(consumer.messages, 1);
    await destination.close();
  });
});

const never = new AbortController().signal;
const produceApi = 0;
const messageTooLarge = 10;
const topicAuthorizationFailed = 29;

async function open(address: string, settings: Partial<KafkaConfig> = {}) {
  const config: KafkaConfig = {
    ...(defaultsOf(destinationType.keys) as KafkaConfig),
    brokers: address.split(','),
    topic,
    ...settings,
  };
  return destinationType.open(config, { nodeName: 'node-1', version: '0', report: () => {} });
}

/** Events of ten processes by turns, one a second. */
function messages(from: number, count: number): Message[] {
  return range(from, count).map((n) => ({
    body: Buffer.from(JSON.stringify({ n })),
    timeNs: 1_795_180_000_000_000_000n + BigInt(n) * 1_000_000_000n,
    eventType: 'process_exec',
    execId: `process-${n % 10}`,
    severity: 'info',
  }));
}

async function deliverAtLast(destination: Awaited<ReturnType<typeof open>>, batch: readonly Message[]): Promise<void> {
  await vi.waitFor(() => destination.deliver(batch, never), { timeout: 20_000, interval: 100 });
}

async function until(consumed: readonly ConsumedMessage[], count: number): Promise<void> {
  await vi.waitFor(() => expect(consumed.length).toBeGreaterThanOrEqual(count), { timeout: 20_000, interval: 50 });
}

function numbers(consumed: readonly ConsumedMessage[]): number[] {
  return inOrder(consumed).toSorted((a, b) => a - b);
}

function inOrder(consumed: readonly ConsumedMessage[]): number[] {
  return consumed.map(({ payload }) => JSON.parse(payload).n);
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

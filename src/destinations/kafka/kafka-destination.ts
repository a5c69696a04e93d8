import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { type MessageToProduce, murmur2, Producer, type ProducerOptions } from '@platformatic/kafka';
import {
  type Delivery,
  type Destination,
  type DestinationContext,
  DestinationError,
  deliveredAll,
  type Message,
} from '../destination.ts';
import { type TlsConfig, tlsOptions } from '../tls-keys.ts';
import type { KafkaConfig } from './kafka.ts';
import { readKafkaFailure } from './kafka-errors.ts';

/**
 * An idempotent producer that has every message acknowledged by all replicas in sync. What the client tries again it
 * sends with the same sequence numbers, so that brokers write it once; therefore an attempt goes on behind `deliver`
 * after that has told of its first failure, and the next `deliver` of the same batch waits for it.
 */
export class KafkaDestination implements Destination {
  readonly name: string;
  readonly #config: KafkaConfig;
  readonly #nodeKey: Buffer;
  readonly #nodeHeader: [Buffer, Buffer];
  readonly #report: (message: string) => void;
  #producer: Producer | undefined;
  #pending: PendingBatch | undefined;
  /** What need not be sent again when the rest of its batch has to be. */
  readonly #written = new WeakSet<Message>();

  constructor(config: KafkaConfig, { nodeName, report }: DestinationContext) {
    this.name = `kafka ${config.brokers[0]}/${config.topic}`;
    this.#config = config;
    this.#report = report;
    this.#nodeKey = Buffer.from(nodeName);
    this.#nodeHeader = [nodeNameHeader, this.#nodeKey];
  }

  async deliver(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    if (this.#pending !== undefined && !this.#pending.isFor(batch)) await this.#forget();
    this.#pending ??= new PendingBatch(batch, this.#produce(batch));
    const pending = this.#pending;
    try {
      const delivery = await pending.outcome(signal);
      this.#pending = undefined;
      return delivery;
    } catch (error) {
      if (pending.isSettled) this.#pending = undefined;
      throw asDestinationError(error);
    }
  }

  async close(): Promise<void> {
    await this.#forget();
  }

  /** Ends attempts that go on: their batch was given up. */
  async #forget(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    this.#pending = undefined;
    await producer?.close();
  }

  async #produce(batch: readonly Message[]): Promise<Delivery> {
    const messages = batch.filter((message) => !this.#written.has(message));
    if (messages.length === 0) return deliveredAll;
    const records = messages.map((message) => this.#record(message));
    this.#producer ??= new Producer(this.#options());
    const producer = this.#producer;
    try {
      await producer.send({ messages: records });
      for (const message of messages) this.#written.add(message);
      return deliveredAll;
    } catch (error) {
      const failure = readKafkaFailure(error);
      const partitions = producer.currentMetadata?.topics.get(this.#config.topic)?.partitionsCount ?? 0;
      records.forEach(({ topic, partition }, index) => {
        if (failure.written.has(`${topic}:${partition! % partitions}`)) this.#written.add(messages[index]!);
      });
      if (!failure.isRefusal) throw new DestinationError(failure.message, { retryable: true, cause: error });
      return this.#produceApart(messages, failure.message);
    }
  }

  /** Finds those that the broker refuses, which are often one too large, by halves. */
  async #produceApart(messages: readonly Message[], reason: string): Promise<Delivery> {
    const left = messages.filter((message) => !this.#written.has(message));
    if (left.length <= 1) return { rejected: left.length, reason };
    if (this.#producer === undefined) throw new DestinationError('given up', { retryable: true });
    const middle = left.length >> 1;
    const first = await this.#produce(left.slice(0, middle));
    const second = await this.#produce(left.slice(middle));
    const rejected = first.rejected + second.rejected;
    return rejected === 0 ? { rejected } : { rejected, reason: first.reason ?? second.reason ?? reason };
  }

  #record(message: Message): MessageToProduce<Buffer, Buffer, Buffer, Buffer> & { partition: number } {
    const key = this.#keyOf(message);
    return {
      topic: this.#config.topic,
      ...(key !== undefined && { key }),
      value: message.body,
      timestamp: message.timeNs / 1_000_000n,
      /* As brokers' own clients choose it; the client takes the remainder by the number of partitions. */
      partition: key === undefined ? this.#nextPartition++ : murmur2(key) & 0x7fffffff,
      headers: new Map([[eventTypeHeader, Buffer.from(message.eventType)], this.#nodeHeader, contentTypeHeader]),
    };
  }

  #nextPartition = 0;

  #keyOf({ execId }: Message): Buffer | undefined {
    if (this.#config.key === 'none') return undefined;
    return this.#config.key === 'process' && execId !== '' ? Buffer.from(execId) : this.#nodeKey;
  }

  #options(): ProducerOptions<Buffer, Buffer, Buffer, Buffer> {
    const { brokers, clientId, compression, createTopic, tls, sasl } = this.#config;
    return {
      clientId,
      bootstrapBrokers: [...brokers],
      compression,
      autocreateTopics: createTopic,
      idempotent: true,
      /* The protocol's "none yet": the client would ask to renew producer 0. */
      producerId: -1n,
      producerEpoch: -1,
      retries: maxAttempts,
      retryDelay: (_client, _operation, attempt, _retries, error) => {
        this.#pending?.tellFailure(error);
        return Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs);
      },
      connectTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      timeout: requestTimeoutMs,
      ...(tls !== undefined && {
        tls: currentTls(tls, this.#report),
        tlsServerName: tls.serverName ?? isNamed(brokers),
      }),
      ...(sasl !== undefined && {
        sasl: {
          mechanism: sasl.mechanism,
          ...(sasl.username !== undefined && { username: () => sasl.username!.read() }),
          ...(sasl.password !== undefined && { password: () => sasl.password!.read() }),
          ...(sasl.token !== undefined && { token: () => sasl.token!.read() }),
        },
      }),
    };
  }
}

/** A batch that the client has, and may have for longer than one `deliver`. */
class PendingBatch {
  isSettled = false;
  readonly #batch: readonly Message[];
  readonly #result: Promise<Delivery>;
  #failure = Promise.withResolvers<never>();
  #lastFailure: DestinationError | undefined;

  constructor(batch: readonly Message[], result: Promise<Delivery>) {
    this.#batch = batch;
    this.#result = result;
    const settled = (): void => {
      this.isSettled = true;
    };
    result.then(settled, settled);
  }

  isFor(batch: readonly Message[]): boolean {
    return batch.length === this.#batch.length && batch[0] === this.#batch[0];
  }

  /** An attempt failed, and the client waits before the next one. */
  tellFailure(error: unknown): void {
    this.#lastFailure = new DestinationError(readKafkaFailure(error).message, { retryable: true, cause: error });
    this.#failure.reject(this.#lastFailure);
  }

  /** Of all attempts, or the failure of the first one from now on. */
  outcome(signal: AbortSignal): Promise<Delivery> {
    this.#failure = Promise.withResolvers<never>();
    this.#failure.promise.catch(() => {});
    const tooLate = (): void => this.#failure.reject(this.#lastFailure ?? new Error('no answer in time'));
    if (signal.aborted) tooLate();
    signal.addEventListener('abort', tooLate, { once: true });
    return Promise.race([this.#result, this.#failure.promise]);
  }
}

function asDestinationError(error: unknown): DestinationError {
  if (error instanceof DestinationError) return error;
  return new DestinationError((error as Error).message, { retryable: true, cause: error });
}

/**
 * Options that are read from their files for each connection. The client cannot handle an error there: while a file cannot
 * be read, what it held before counts.
 */
function currentTls(tls: TlsConfig, report: (message: string) => void): ConnectionOptions {
  let last = tlsOptions(tls);
  let told = '';
  const read = (): ConnectionOptions => {
    try {
      last = tlsOptions(tls);
      told = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== told) report(`${message}; what the file held before is used`);
      told = message;
    }
    return last;
  };
  const options: ConnectionOptions = {};
  for (const name of Object.keys(last) as (keyof ConnectionOptions)[]) {
    Object.defineProperty(options, name, { enumerable: true, get: () => read()[name] });
  }
  return options;
}

/** An address of numbers has no name that the broker could choose its certificate by. */
function isNamed(brokers: readonly string[]): boolean {
  return brokers.every((broker) => isIP(broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) === 0);
}

const eventTypeHeader = Buffer.from('event_type');
const nodeNameHeader = Buffer.from('node_name');
const contentTypeHeader: [Buffer, Buffer] = [Buffer.from('content_type'), Buffer.from('application/json')];
const requestTimeoutMs = 10_000;
/** The client keeps the error of each attempt, so after these it begins anew. */
const maxAttempts = 60;
const firstDelayMs = 250;
const maxDelayMs = 10_000;

/**
 * A Kafka broker for tests: the mock cluster of librdkafka, the protocol's reference client library (Debian: librdkafka1),
 * read by kcat (Debian: kcat). It speaks the real protocol over TCP and knows idempotent producers; of what a broker has
 * it lacks SASL, TLS, a limit on the size of messages, and a log beyond the last 5 MB of each partition. Neither Debian
 * nor npm has a Kafka broker itself.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BrokerAnswer, BrokerRequest } from './kafka-broker-process.ts';

/** Why there can be no broker here; undefined when there can. */
export function whyNoKafkaBroker(): string | undefined {
  return spawnSync('kcat', ['-V']).error === undefined ? undefined : 'kcat is not installed';
}

export interface KafkaBroker extends AsyncDisposable {
  /** `127.0.0.1:PORT`, with a comma between several. */
  readonly address: string;
  /** All brokers, or this one (1 is the first), close their connections and take no more; what was written stays. */
  stop(broker?: number): Promise<void>;
  start(broker?: number): Promise<void>;
  /** This broker leads all partitions from now on. */
  lead(broker: number): Promise<void>;
  /** The next requests to this API (0: Produce) are answered with these errors of the protocol. */
  fail(apiKey: number, errorCodes: readonly number[]): Promise<void>;
}

export async function startKafkaBroker(topic: string, partitions: number, brokers = 1): Promise<KafkaBroker> {
  const script = join(import.meta.dirname, 'kafka-broker-process.ts');
  const child = fork(script, [topic, String(partitions), String(brokers)], {
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  const ready = await answerOf(child);
  if (ready.kind !== 'ready') throw new Error('The mock cluster did not start');
  const request = async (message: BrokerRequest): Promise<void> => {
    const answer = answerOf(child);
    child.send(message);
    await answer;
  };
  return {
    address: ready.address,
    stop: (broker) => request({ kind: 'stop', broker }),
    start: (broker) => request({ kind: 'start', broker }),
    lead: (broker) => request({ kind: 'lead', broker }),
    fail: (apiKey, errorCodes) => request({ kind: 'fail', apiKey, errorCodes }),
    [Symbol.asyncDispose]: async () => {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

async function answerOf(child: ChildProcess): Promise<BrokerAnswer> {
  const [answer] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('The mock cluster ended'))),
  ]);
  return answer as BrokerAnswer;
}

/** What kcat prints of a message. */
export interface ConsumedMessage {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly key: string | null;
  readonly payload: string;
  /** Name and value by turns. */
  readonly headers: readonly string[];
}

export interface KafkaConsumer extends AsyncDisposable {
  /** All messages so far, in the order of arrival. */
  readonly messages: readonly ConsumedMessage[];
}

/** Follows a topic from its beginning, over stops of the broker. */
export function consumeKafka({ address }: KafkaBroker, topic: string): KafkaConsumer {
  const settings = ['reconnect.backoff.max.ms=200', 'topic.metadata.refresh.interval.ms=500'];
  /* It ends with the process of the tests, also when that is killed. */
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      'kcat',
      '-C',
      '-q',
      '-u',
      '-E',
      '-J',
      '-b',
      address,
      '-t',
      topic,
      ...settings.flatMap((setting) => ['-X', setting]),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const messages: ConsumedMessage[] = [];
  createInterface(child.stdout).on('line', (line) => messages.push(JSON.parse(line)));
  return {
    messages,
    [Symbol.asyncDispose]: async () => {
      const exit = once(child, 'exit');
      child.kill();
      await exit;
    },
  };
}

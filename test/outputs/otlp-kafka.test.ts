import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { consumeKafka, type KafkaConsumer, startKafkaBroker, whyNoKafkaBroker } from '../receivers/kafka-broker.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../receivers/otlp-receiver.ts';
import { missingNumbers, readReceived } from './harness/accounting.ts';
import { makeCalls, outageMs, TestAgent, testFolder, until } from './harness/agent.ts';

const whyNot = whyNoKafkaBroker();

/** What each output but the file has for receiver, and whether its buffer is too small for the outage. */
interface Case {
  readonly output: string;
  readonly isSmall: boolean;
  readonly count: () => number;
  readonly texts: () => string[];
}

test.skipIf(whyNot !== undefined)(
  `receivers of OTLP and Kafka stop under load and start again${whyNot === undefined ? '' : ` (skipped: ${whyNot})`}`,
  async ({ skip }) => {
    const folder = testFolder();
    await using http = await startOtlpReceiver('http/protobuf');
    await using grpc = await startOtlpReceiver('grpc');
    await using smallGrpc = await startOtlpReceiver('grpc');
    await using broker = await startKafkaBroker('events', 3);
    await using kafka = consumeKafka(broker, 'events');
    await using smallBroker = await startKafkaBroker('events', 3);
    await using smallKafka = consumeKafka(smallBroker, 'events');
    const cases: Record<string, Case> = {
      http: { output: `${otlp(http, 'http/protobuf')}, compression: gzip`, isSmall: false, ...fromOtlp(http) },
      grpc: { output: otlp(grpc, 'grpc'), isSmall: false, ...fromOtlp(grpc) },
      'grpc-small': { output: otlp(smallGrpc, 'grpc'), isSmall: true, ...fromOtlp(smallGrpc) },
      kafka: { output: `${toKafka(broker.address)}, compression: lz4`, isSmall: false, ...fromKafka(kafka) },
      'kafka-small': { output: toKafka(smallBroker.address), isSmall: true, ...fromKafka(smallKafka) },
    };
    const file = join(folder, 'events.json');
    const agent = await TestAgent.start(folder, outputsFile(file, cases));
    if (typeof agent === 'string') return skip(`the agent does not start here: ${agent}`);

    const receivers = [http, grpc, smallGrpc, broker, smallBroker];
    const stopCalls = makeCalls(folder, 500);
    await until(() => Object.values(cases).every(({ count }) => count() > 200));
    await Promise.all(receivers.map((receiver) => receiver.stop()));
    await sleep(outageMs);
    await Promise.all(receivers.map((receiver) => receiver.start()));
    await sleep(1000);
    await stopCalls();
    for (const name of ['grpc-small', 'kafka-small']) await agent.finalDrops(name);
    for (const name of Object.keys(cases)) {
      await until(async () => (await agent.perOutput('jatai_output_buffer_bytes'))[name] === 0, 60_000 + 2 * outageMs);
    }
    const dropped = await agent.perOutput('jatai_output_dropped_events_total');
    const failures = await agent.perOutput('jatai_output_failures_total');
    await agent.stop();

    const made = readReceived(readFileSync(file, 'utf8').split('\n').slice(0, -1));
    const last = made.numbers.size;
    expect(missingNumbers(made, last)).toEqual([]);
    for (const [name, { isSmall, count, texts }] of Object.entries(cases)) {
      const lost = dropped[`${name} buffer_full`]!;
      await until(() => count() + lost >= last);
      const received = readReceived(texts());
      const missing = missingNumbers(received, last).length;
      console.info(`${name}: of ${last} events ${missing} are missing, ${received.repeated} came twice`);
      expect({ name, missing, told: received.told }).toEqual({ name, missing: lost, told: lost });
      expect(failures[name]).toBeGreaterThan(0);
      if (isSmall) expect(lost).toBeGreaterThan(100);
      else expect(lost).toBe(0);
      /* Brokers write each message once, however often it was sent. */
      if (name.startsWith('kafka')) expect({ name, repeated: received.repeated }).toEqual({ name, repeated: 0 });
    }
  },
  120_000 + 3 * outageMs,
);

function outputsFile(file: string, cases: Readonly<Record<string, Case>>): string {
  const common = 'sequenceNumbers: true, allowList: [{event_set: [PROCESS_TRACEPOINT]}]';
  const lines = Object.entries(cases).map(([name, { output, isSmall }]) => {
    const bufferSize = isSmall ? ', bufferSize: 256KiB' : '';
    return `- {name: ${name}, ${output}, ${common}, retry: {maxDelay: 2s}${bufferSize}}\n`;
  });
  return `outputs:\n- {name: file, type: file, path: ${file}, maxSize: 0, ${common}}\n${lines.join('')}`;
}

function otlp({ port }: OtlpReceiver, protocol: 'http/protobuf' | 'grpc'): string {
  return `type: otlp, protocol: ${protocol}, endpoint: "http://127.0.0.1:${port}"`;
}

function toKafka(address: string): string {
  return `type: kafka, brokers: ["${address}"], topic: events`;
}

function fromOtlp(receiver: OtlpReceiver): Pick<Case, 'count' | 'texts'> {
  return {
    count: () => receiver.records.length,
    texts: () => receiver.records.map(({ body }) => JSON.stringify(body)),
  };
}

function fromKafka({ messages }: KafkaConsumer): Pick<Case, 'count' | 'texts'> {
  return { count: () => messages.length, texts: () => messages.map(({ payload }) => payload) };
}

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { consumeKafka, startKafkaBroker, whyNoKafkaBroker } from '../receivers/kafka-broker.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../receivers/otlp-receiver.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

/* A minute and more: JATAI_RECEIVER_STOP_SECONDS=60. */
const stopSeconds = Number(process.env['JATAI_RECEIVER_STOP_SECONDS'] ?? 5);

const policy = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: watch-getcpu
spec:
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getcpu
`;

test(
  'receivers of OTLP and Kafka stop under load and start again: what they miss is what metrics say',
  async ({ skip }) => {
    const missing = whyNoKafkaBroker();
    if (missing !== undefined) skip(`no Kafka: ${missing}`);
    const folder = mkdtempSync(join(tmpdir(), 'jatai-receivers-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await using http = await startOtlpReceiver('http/protobuf');
    await using grpc = await startOtlpReceiver('grpc');
    await using smallHttp = await startOtlpReceiver('http/protobuf');
    await using broker = await startKafkaBroker('events', 3);
    await using kafka = consumeKafka(broker, 'events');
    await using smallBroker = await startKafkaBroker('events', 3);
    await using smallKafka = consumeKafka(smallBroker, 'events');
    const otlp = ({ port }: OtlpReceiver, protocol: string, more = ''): string =>
      `type: otlp, protocol: ${protocol}, endpoint: "http://127.0.0.1:${port}"${more}`;
    const small = ', bufferSize: 128KiB, batch: {maxEvents: 100}';
    const received: Record<string, () => unknown[]> = {
      http: () => bodies(http),
      grpc: () => bodies(grpc),
      'http-small': () => bodies(smallHttp),
      kafka: () => kafka.messages.map(({ payload }) => JSON.parse(payload)),
      'kafka-small': () => smallKafka.messages.map(({ payload }) => JSON.parse(payload)),
    };
    const agent = await startAgent(folder, [
      `name: file, type: file, path: ${folder}/events.json, maxSize: 0`,
      `name: http, ${otlp(http, 'http/protobuf', ', compression: gzip')}`,
      `name: grpc, ${otlp(grpc, 'grpc')}`,
      `name: http-small, ${otlp(smallHttp, 'http/protobuf', small)}, retry: {maxDelay: 2s}`,
      `name: kafka, type: kafka, brokers: ["${broker.address}"], topic: events, compression: lz4`,
      `name: kafka-small, type: kafka, brokers: ["${smallBroker.address}"], topic: events${small}, retry: {maxDelay: 2s}`,
    ]);
    if (agent === undefined) skip('the agent does not start here');

    const receivers = [http, grpc, smallHttp, broker, smallBroker];
    const load = startLoad();
    await sleep(2000);
    await Promise.all(receivers.map((receiver) => receiver.stop()));
    await sleep(stopSeconds * 1000);
    await Promise.all(receivers.map((receiver) => receiver.start()));
    await sleep(2000);
    const made = await load.stop();
    await until(async () => Object.values((await agent!.metrics()).waiting).every((bytes) => bytes === 0));
    const { dropped, failures } = await agent!.metrics();

    const lines = readFileSync(join(folder, 'events.json'), 'utf8').trimEnd().split('\n');
    expect(sequences(lines.map((line) => JSON.parse(line)))).toEqual(new Set(range(1, made)));
    for (const [name, messages] of Object.entries(received)) {
      await until(() => sequences(messages()).size + dropped[name]! >= made);
      const arrived = sequences(messages());
      expect([name, arrived.size + dropped[name]!]).toEqual([name, made]);
      expect([name, toldMissing(messages())]).toEqual([name, dropped[name]]);
      expect(failures[name]).toBeGreaterThan(0);
      if (name.endsWith('-small')) expect(dropped[name]).toBeGreaterThan(0);
      else expect([name, dropped[name]]).toEqual([name, 0]);
      const copies = messages().filter((event) => numberOf(event) !== undefined).length - arrived.size;
      /* Brokers write each message once. */
      if (name.startsWith('kafka')) expect([name, copies]).toEqual([name, 0]);
      console.info(`${name}: ${arrived.size} of ${made} arrived, ${dropped[name]} dropped, ${copies} came twice`);
    }
  },
  (120 + stopSeconds * 3) * 1000,
);

interface Agent {
  metrics(): Promise<Record<'dropped' | 'waiting' | 'failures', Record<string, number>>>;
}

/** Undefined when the kernel does not let it start. */
async function startAgent(folder: string, outputs: readonly string[]): Promise<Agent | undefined> {
  const common = 'sequenceNumbers: true, allowList: [{event_set: [PROCESS_TRACEPOINT]}]';
  writeFileSync(join(folder, 'policy.yaml'), policy);
  writeFileSync(join(folder, 'outputs.yaml'), `outputs:\n${outputs.map((one) => `- {${one}, ${common}}\n`).join('')}`);
  const options = ['-o', 'none', '--policy', `${folder}/policy.yaml`, '--outputs', `${folder}/outputs.yaml`];
  const agent = spawn(
    join(repositoryRoot, 'bin/jatai'),
    ['run', '--metrics-server', 'localhost:0', '--log-level', 'info', ...options],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  onTestFinished(() => void agent.kill('SIGKILL'));
  let messages = '';
  agent.stderr.on('data', (text) => {
    messages += text;
  });
  await until(() => messages.includes('"address"') || agent.exitCode !== null);
  if (agent.exitCode !== null) {
    console.warn(messages);
    return undefined;
  }
  const { address } = JSON.parse(messages.split('\n').find((line) => line.includes('"address"'))!);
  return {
    metrics: async () => {
      const text = await (await fetch(`http://${address}/metrics`)).text();
      return {
        dropped: perOutput(text, 'jatai_output_dropped_events_total'),
        waiting: perOutput(text, 'jatai_output_buffer_bytes'),
        failures: perOutput(text, 'jatai_output_failures_total'),
      };
    },
  };
}

/** Sums of a metric by its label `output`. */
function perOutput(text: string, metric: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [, output, value] of text.matchAll(new RegExp(`^${metric}\\{output="([^"]*)"[^}]*\\} (.*)$`, 'gm'))) {
    sums[output!] = (sums[output!] ?? 0) + Number(value);
  }
  return sums;
}

/** Some two thousand events a second; `stop` resolves to their number. */
function startLoad(): { stop(): Promise<number> } {
  const perBurst = 100;
  let isStopped = false;
  const run = async (): Promise<number> => {
    let bursts = 0;
    for (; !isStopped; bursts++) {
      const program = spawn(join(repositoryRoot, 'build/programs/call'), ['getcpu-burst', String(perBurst)], {
        stdio: 'ignore',
      });
      await new Promise((resolve) => program.once('exit', resolve));
      await sleep(50);
    }
    return bursts * perBurst;
  };
  const done = run();
  return {
    stop: () => {
      isStopped = true;
      return done;
    },
  };
}

interface ReceivedEvent {
  readonly sequence?: string;
  readonly rate_limit_info?: { readonly number_of_dropped_process_events: string };
}

function bodies({ records }: OtlpReceiver): unknown[] {
  return records.map(({ body }) => body);
}

function numberOf(event: unknown): number | undefined {
  const { sequence } = event as ReceivedEvent;
  return sequence === undefined ? undefined : Number(sequence);
}

function sequences(events: readonly unknown[]): Set<number> {
  return new Set(events.map(numberOf).filter((number) => number !== undefined));
}

function toldMissing(events: readonly unknown[]): number {
  const told = events.map((event) => (event as ReceivedEvent).rate_limit_info?.number_of_dropped_process_events);
  return told.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it does not come true');
    await sleep(100);
  }
}

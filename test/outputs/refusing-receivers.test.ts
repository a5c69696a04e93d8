import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { type OtlpAnswer, startOtlpReceiver } from '../receivers/otlp-receiver.ts';
import { missingNumbers, readReceived } from './harness/accounting.ts';
import { fileOutput, makeCalls, shortEvents, TestAgent, testFolder, until } from './harness/agent.ts';

const refusingMs = 6000;

test('receivers that refuse, break off and are overloaded by turns: all that is missing is counted and told', async ({
  skip,
}) => {
  const folder = testFolder();
  await using otlp = await startOtlpReceiver('grpc');
  otlp.answer = inTurn<OtlpAnswer>([
    {},
    { status: status.UNAVAILABLE },
    { status: status.INVALID_ARGUMENT },
    { status: status.RESOURCE_EXHAUSTED },
    { status: status.UNAUTHENTICATED },
    { status: status.DEADLINE_EXCEEDED },
    { status: status.INVALID_ARGUMENT },
  ]);
  const webhook = await startWebhook();
  const file = join(folder, 'events.json');
  const common = `bufferSize: 128KiB, retry: {initialDelay: 50ms, maxDelay: 200ms}, ${shortEvents}`;
  const agent = await TestAgent.start(
    folder,
    `outputs:
  - ${fileOutput(file)}
  - {name: webhook, type: webhook, address: "http://127.0.0.1:${webhook.port}/", format: ndjson, ${common}}
  - {name: otlp, type: otlp, protocol: grpc, body: json, endpoint: "http://127.0.0.1:${otlp.port}", onFull: dropOldest, ${common}}
`,
  );
  if (typeof agent === 'string') return skip(`the agent does not start here: ${agent}`);
  const stopCalls = makeCalls(folder, 1500);
  await sleep(refusingMs);
  webhook.isCalm = true;
  otlp.answer = undefined;
  await stopCalls();
  const waits = async () =>
    Object.values(await agent.perOutput('jatai_output_buffer_bytes')).some((bytes) => bytes > 0);
  await until(async () => !(await waits()));
  const texts = { webhook: () => webhook.received, otlp: () => otlp.records.map(({ body }) => String(body)) };
  const drops = await agent.perOutput('jatai_output_dropped_events_total');
  const dropsOf = (name: string) =>
    Object.entries(drops).reduce((sum, [label, count]) => sum + (label.startsWith(`${name} `) ? count : 0), 0);
  /* What tells of the last refusal comes by itself. */
  await until(() => Object.entries(texts).every(([name, read]) => readReceived(read()).told >= dropsOf(name)), 10_000);
  await agent.stop();

  const made = readReceived(readFileSync(file, 'utf8').split('\n').slice(0, -1)).numbers.size;
  for (const [name, read] of Object.entries(texts)) {
    const got = readReceived(read());
    const dropped = dropsOf(name);
    expect({ name, missing: missingNumbers(got, made).length, told: got.told }).toEqual({
      name,
      missing: dropped,
      told: dropped,
    });
    expect(dropped).toBeGreaterThan(100);
  }
}, 60_000);

interface Webhook {
  readonly port: number;
  readonly received: readonly string[];
  /** Whether it takes everything. */
  isCalm: boolean;
}

async function startWebhook(): Promise<Webhook> {
  const received: string[] = [];
  const webhook = { port: 0, received, isCalm: false };
  const nextAnswer = inTurn([200, 400, 503, 413, 'reset', 'half', 401, 400, 302, 408] as const);
  const server = createServer(async (request, response) => {
    const text = Buffer.concat(await request.toArray()).toString();
    const answer = webhook.isCalm ? 200 : nextAnswer();
    if (answer === 200) received.push(...text.split('\n').slice(0, -1));
    if (answer === 'reset') request.socket.resetAndDestroy();
    else if (answer === 'half') breakOff(response);
    else response.writeHead(answer).end('why');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  webhook.port = (server.address() as AddressInfo).port;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return webhook;
}

/** The beginning of an answer. */
function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 50 });
  response.write('x', () => response.socket?.destroy());
}

function inTurn<Answer>(answers: readonly Answer[]): () => Answer {
  let next = 0;
  return () => answers[next++ % answers.length]!;
}

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { fileOutput, makeCalls, shortEvents, TestAgent, testFolder, until } from './harness/agent.ts';

test('receivers that take connections and nothing else: the agent ends, and says how many events each did not get', async ({
  skip,
}) => {
  const folder = testFolder();
  const port = await startHole();
  const place = `127.0.0.1:${port}`;
  const outputs = [
    `name: tls, type: syslog, address: "tls://${place}"`,
    `name: webhook, type: webhook, address: "http://${place}/"`,
    `name: otlp, type: otlp, protocol: http/protobuf, endpoint: "http://${place}"`,
    `name: otlp-grpc, type: otlp, protocol: grpc, endpoint: "http://${place}"`,
    `name: kafka, type: kafka, topic: events, brokers: ["${place}"]`,
    `name: kafka-tls, type: kafka, topic: events, brokers: ["${place}"], tls: {}`,
  ];
  const file = join(folder, 'events.json');
  const hung = outputs.map((output) => `  - {${output}, bufferSize: 64KiB, ${shortEvents}}\n`).join('');
  const agent = await TestAgent.start(folder, `outputs:\n  - ${fileOutput(file)}\n${hung}`);
  if (typeof agent === 'string') return skip(`the agent does not start here: ${agent}`);
  const stopCalls = makeCalls(folder, 1000);
  await until(async () => (await agent.perOutput('jatai_output_dropped_events_total'))['kafka-tls buffer_full']! > 100);
  await stopCalls();
  await sleep(2000);
  await agent.stop();

  const made = readFileSync(file, 'utf8').split('\n').length - 1;
  const lost = outputs.map((output) => /^name: ([\w-]+)/.exec(output)![1]!).map((name) => [name, lostAt(agent, name)]);
  expect(Object.fromEntries(lost)).toEqual(Object.fromEntries(lost.map(([name]) => [name, made])));
}, 60_000);

/** Of all messages of the log together. */
function lostAt({ messages }: TestAgent, output: string): number {
  const losses = messages.matchAll(/"lost":\{"output":(\d+)\},"msg":"([^:]*):/g);
  return [...losses].filter(([, , name]) => name === output).reduce((sum, [, count]) => sum + Number(count), 0);
}

async function startHole(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).pause();
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { readonly port: number }).port;
}

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { missingNumbers, readReceived } from './harness/accounting.ts';
import { fileOutput, makeCalls, outageMs, TestAgent, testFolder, until } from './harness/agent.ts';
import { freePort } from './harness/programs.ts';

let server: Server | undefined;
afterEach(() => server?.closeAllConnections());

test(
  'a webhook that is away under load: what it got and what the metrics say is missing are all events',
  async ({ skip }) => {
    const folder = testFolder();
    const port = await freePort();
    const received: string[] = [];
    await serve(port, received);
    const file = join(folder, 'events.json');
    const agent = await TestAgent.start(
      folder,
      `outputs:
  - ${fileOutput(file)}
  - name: hook
    type: webhook
    address: http://127.0.0.1:${port}/events
    format: ndjson
    compression: gzip
    sequenceNumbers: true
    fieldFilters: [{fields: process.pid}]
    allowList: [{event_set: [PROCESS_TRACEPOINT]}]
    bufferSize: 256KiB
    onFull: dropOldest
    retry: {initialDelay: 200ms, maxDelay: 500ms}
`,
    );
    if (typeof agent === 'string') return skip(`the agent does not start here: ${agent}`);
    const stopCalls = makeCalls(folder, 2000);
    await until(() => received.length > 1000);
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    await sleep(outageMs);
    await serve(port, received);
    await sleep(1000);
    await stopCalls();
    const dropped = await agent.finalDrops('hook');
    await agent.stop();

    const made = readReceived(readFileSync(file, 'utf8').split('\n').slice(0, -1));
    expect(missingNumbers(made, made.numbers.size)).toEqual([]);
    const got = readReceived(received);
    const missing = missingNumbers(got, made.numbers.size);
    expect({ missing: missing.length, told: got.told }).toEqual({ missing: dropped, told: dropped });
    expect(dropped).toBeGreaterThan(100);
    /* The oldest were dropped. */
    expect(missing.at(-1)).toBeLessThan(made.numbers.size - 100);
  },
  120_000 + 2 * outageMs,
);

/** Takes events; their bodies are added to `received`. */
async function serve(port: number, received: string[]): Promise<void> {
  server = createServer(async (request, response) => {
    const body = gunzipSync(Buffer.concat(await request.toArray())).toString();
    received.push(...body.split('\n').slice(0, -1));
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
}

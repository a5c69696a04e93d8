import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { getppidPolicy } from '../kernel/harness/policy-text.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

const calls = 40_000;

test('an output that nobody reads delays neither the ring nor the file; what it lost is what it says', async ({
  skip,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-slow-'));
  try {
    const file = join(folder, 'events.json');
    const policyFile = join(folder, 'policy.yaml');
    const pipe = join(folder, 'pipe');
    writeFileSync(policyFile, getppidPolicy('watch-getppid'));
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, 'w');
    const options = ['-o', 'json', '--export', file, '--policy', policyFile, '--output-buffer-size', '16M'];
    const agent = spawn(
      join(repositoryRoot, 'bin/jatai'),
      ['run', '--metrics-server', 'localhost:0', ...options, '--log-level', 'info'],
      {
        stdio: ['ignore', writer, 'pipe'],
      },
    );
    closeSync(writer);
    let messages = '';
    agent.stderr!.on('data', (text) => {
      messages += text;
    });
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    onTestFinished(() => void agent.kill('SIGKILL'));
    await until(() => messages.includes('ready: ') || agent.exitCode !== null);
    if (agent.exitCode !== null) skip(`the agent does not start here: ${messages}`);

    const load = `for (let call = 0; call < ${calls}; call++) process.ppid`;
    const program = spawn(process.execPath, ['-e', load], { stdio: 'ignore' });
    await new Promise((resolve) => program.once('exit', resolve));
    const ofLoad = (text: string): number =>
      linesOf(text).filter(({ process_tracepoint: event }) => event?.process.pid === program.pid).length;
    await until(() => ofLoad(readFileSync(file, 'utf8')) >= calls);

    const { dropped, written, waiting } = await outputMetrics(messages);
    expect(dropped['standard output']).toBeGreaterThan(calls / 4);
    expect(dropped[file]).toBe(0);
    expect(waiting['standard output']).toBeGreaterThan(8_000_000);
    expect(written[file]).toBeGreaterThanOrEqual(calls);

    const received = readToEnd(reader);
    while ((await outputMetrics(messages)).waiting['standard output'] !== 0) await sleep(100);
    agent.kill('SIGTERM');
    const lines = linesOf(await received);
    await ended;
    const told = lines.filter((line) => line.rate_limit_info !== undefined);
    const missing = told.reduce((sum, line) => sum + Number(line.rate_limit_info.number_of_dropped_process_events), 0);
    expect(told.length).toBeGreaterThan(0);
    expect(lines.length - told.length + missing).toBe(linesOf(readFileSync(file, 'utf8')).length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
function linesOf(text: string): any[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

interface OutputMetrics {
  readonly dropped: Record<string, number>;
  readonly written: Record<string, number>;
  readonly waiting: Record<string, number>;
}

/** The address of the metrics is in the log. */
async function outputMetrics(messages: string): Promise<OutputMetrics> {
  const { address } = JSON.parse(messages.split('\n').find((line) => line.includes('"address"'))!);
  const text = await (await fetch(`http://${address}/metrics`)).text();
  const perOutput = (name: string, more = ''): Record<string, number> => {
    const pattern = new RegExp(`^${name}\\{output="([^"]*)"${more}\\} (.*)$`, 'gm');
    return Object.fromEntries([...text.matchAll(pattern)].map(([, output, value]) => [output, Number(value)]));
  };
  return {
    dropped: perOutput('jatai_output_dropped_events_total', ',reason="buffer_full"'),
    written: perOutput('jatai_output_events_total'),
    waiting: perOutput('jatai_output_buffer_bytes'),
  };
}

async function readToEnd(reader: number): Promise<string> {
  const chunk = Buffer.alloc(1_000_000);
  const parts: Buffer[] = [];
  for (;;) {
    try {
      const size = readSync(reader, chunk);
      if (size === 0) break;
      parts.push(Buffer.from(chunk.subarray(0, size)));
    } catch {
      await sleep(5);
    }
  }
  closeSync(reader);
  return Buffer.concat(parts).toString();
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('it does not come true');
    await sleep(50);
  }
}

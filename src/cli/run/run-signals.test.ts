import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../package-root.ts';

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(`the end of jatai run${isRoot ? '' : ' (skipped: it needs root)'}`, () => {
  let folder: string;
  let agent: ChildProcess;
  let lines: AsyncIterator<string>;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'jatai-signals-'));
  });
  afterEach(() => {
    agent.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** With all capabilities the agent does not execute itself, so that it is one program from the beginning. */
  function start(...args: string[]): void {
    const common = ['run', '--run-dir', folder, '-o', 'none', '--keep-capabilities', 'all'];
    agent = spawn(path.join(packageRoot, 'bin/jatai'), [...common, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    lines = createInterface({ input: agent.stderr! })[Symbol.asyncIterator]();
  }

  async function nextLine(): Promise<string> {
    return String((await lines.next()).value);
  }

  /** Whether the agent has a handler for SIGHUP, signal 1. */
  function handlesHangUps(): boolean {
    const caught = /^SigCgt:\s*(\S+)$/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))?.[1] ?? '0';
    return (BigInt(`0x${caught}`) & 1n) === 1n;
  }

  test('SIGHUP before it is ready reads the policies again as soon as it is', async () => {
    start();
    while (!handlesHangUps()) await new Promise((resolve) => setTimeout(resolve, 1));
    agent.kill('SIGHUP');
    expect(await nextLine()).toMatch(/^ready: /);
    expect(await nextLine()).toMatch(/^reloaded: /);
    agent.kill('SIGTERM');
    expect(await once(agent, 'exit')).toEqual([0, null]);
  });

  test('SIGTERM and SIGHUP while it stops cost nothing', async () => {
    const infoFile = path.join(folder, 'info.json');
    start('--server-address', `unix://${folder}/socket`, '--agent-info-file', infoFile);
    expect(await nextLine()).toMatch(/^ready: /);
    expect(existsSync(infoFile)).toBe(true);
    const exited = once(agent, 'exit');
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGTERM'] as const) agent.kill(signal);
    expect(await exited).toEqual([0, null]);
    expect(existsSync(infoFile)).toBe(false);
  });

  test('a reader that goes away while the agent starts ends it, and is no failure', async () => {
    const command = `'${path.join(packageRoot, 'bin/jatai')}' run --run-dir '${folder}' -o json | head -1; exit "\${PIPESTATUS[0]}"`;
    agent = spawn('bash', ['-c', command], { stdio: ['ignore', 'ignore', 'ignore'] });
    expect(await once(agent, 'exit')).toEqual([0, null]);
  });
});

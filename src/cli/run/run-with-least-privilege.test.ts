import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CAP_BPF,
  CAP_DAC_READ_SEARCH,
  CAP_NET_BIND_SERVICE,
  CAP_PERFMON,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  CAP_SYSLOG,
  capabilitySet,
} from '../../kernel/capabilities.ts';
import { packageRoot } from '../package-root.ts';

const isRoot = process.geteuid?.() === 0;
const always = capabilitySet([CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_SYSLOG, CAP_DAC_READ_SEARCH]);
/** Some kernels and machines ask for it. */
const mayBe = capabilitySet([CAP_SYS_ADMIN]);

describe.skipIf(!isRoot)(`jatai run${isRoot ? '' : ' (skipped: it needs root)'}`, () => {
  let folder: string;
  let agent: ChildProcess;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'jatai-privileges-'));
  });
  afterEach(async () => {
    if (agent.exitCode === null && agent.signalCode === null) {
      agent.kill('SIGTERM');
      await once(agent, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  /** Starts the agent; resolves when it is ready. */
  async function start(...args: string[]): Promise<void> {
    const common = ['run', '--run-dir', folder, '--export', path.join(folder, 'events')];
    agent = spawn(path.join(packageRoot, 'bin/jatai'), [...common, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface({ input: agent.stderr! })) if (line.startsWith('ready: ')) return;
    throw new Error('the agent ended');
  }

  /** The values that a line of status has in the agent's threads. */
  function statusOfThreads(name: string): Set<string> {
    const threads = readdirSync(`/proc/${agent.pid}/task`);
    expect(threads.length).toBeGreaterThan(4);
    const line = new RegExp(`^${name}:\\s*(\\S+)$`, 'm');
    return new Set(threads.map((tid) => line.exec(readFileSync(`/proc/${agent.pid}/task/${tid}/status`, 'utf8'))![1]!));
  }

  function capabilitiesOfThreads(name: string): bigint {
    const values = statusOfThreads(name);
    expect(values.size).toBe(1);
    return BigInt(`0x${[...values][0]}`) & ~mayBe;
  }

  test('keeps in every thread the capabilities that it needs, and can gain none', async () => {
    await start();
    expect(capabilitiesOfThreads('CapPrm')).toBe(always);
    expect(capabilitiesOfThreads('CapEff')).toBe(always);
    expect(capabilitiesOfThreads('CapBnd')).toBe(always);
    expect(statusOfThreads('NoNewPrivs')).toEqual(new Set(['1']));
  });

  test('keeps those that the operator names', async () => {
    await start('--keep-capabilities', 'CAP_NET_BIND_SERVICE');
    expect(capabilitiesOfThreads('CapPrm')).toBe(always | capabilitySet([CAP_NET_BIND_SERVICE]));
  });

  test('writes to a pipe that belongs to who started it by sudo', async () => {
    const fifo = path.join(folder, 'pipe');
    execFileSync('mkfifo', ['-m', '600', fifo]);
    chownSync(fifo, 12_345, 12_345);
    /* Opened by another process, as a shell does before it calls sudo. */
    const command = `'${path.join(packageRoot, 'bin/jatai')}' run --run-dir '${folder}' --duration 300ms -o json > '${fifo}'`;
    agent = spawn('sh', ['-c', command], { stdio: ['ignore', 'inherit', 'pipe'] });
    const exited = once(agent, 'exit');
    const events = createReadStream(fifo).setEncoding('utf8').toArray();
    expect(await exited).toEqual([0, null]);
    expect((await events).join('')).toContain('"process_exec"');
  });
});

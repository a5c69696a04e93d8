import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from '../kernel/harness/agent-process.ts';

/** Why no agent can run here; empty when one can. It needs what every kernel since 5.10 gives to root. */
export const missing = process.getuid?.() === 0 ? '' : 'needs root';

/**
 * Reports every getpriority, which hardly anything else calls, as a call of any number: `raw_syscalls` is what counts of
 * system calls are made of.
 */
export const watchGetpriority = `
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: watch-getpriority
spec:
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args:
    - index: 4
      type: int64
    selectors:
    - matchArgs:
      - index: 4
        operator: Equal
        values: ["${process.arch === 'arm64' ? 141 : 140}"]
`;

/** `jatai run` with that policy, in a folder of its own. */
export class TelemetryAgent {
  readonly folder: string;
  /** The file of its events. */
  readonly events: string;
  readonly socket: string;
  readonly process: AgentProcess;

  private constructor(options: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'jatai-telemetry-'));
    this.events = join(this.folder, 'events.json');
    this.socket = join(this.folder, 'agent.sock');
    const policyFile = join(this.folder, 'policy.yaml');
    writeFileSync(policyFile, watchGetpriority);
    const places = ['--policy', policyFile, '--export', this.events, '--run-dir', join(this.folder, 'run')];
    const server = ['--server-address', `unix://${this.socket}`, '--agent-info-file', join(this.folder, 'info.json')];
    const args = ['-o', 'none', '--log-level', 'info', ...places, ...server, ...options];
    this.process = new AgentProcess(args, join(this.folder, 'stderr'));
  }

  /** Resolves when its policy is in force. */
  static async start(options: readonly string[]): Promise<TelemetryAgent> {
    const agent = new TelemetryAgent(options);
    await agent.process.waitReady();
    return agent;
  }

  /** Where metrics are served. */
  async metricsAddress(): Promise<string> {
    const pattern = /"address":"([^"]*)","msg":"metrics are served"/;
    await until('metrics are served', () => pattern.test(this.process.stderr()));
    return pattern.exec(this.process.stderr())![1]!;
  }

  /** What Prometheus gets. */
  async page(): Promise<string> {
    return (await fetch(`http://${await this.metricsAddress()}/metrics`)).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.running) await this.process.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** Calls getpriority some thousand times a second, and starts a program with long arguments now and then. */
export function startLoad(): ChildProcess {
  const program = `
    const { spawnSync } = require('node:child_process');
    const { getPriority } = require('node:os');
    setInterval(() => {
      for (let call = 0; call < 100; call++) getPriority();
      if (Math.random() < 0.2) spawnSync('/bin/true', ['x'.repeat(20_000)]);
    }, 20);
  `;
  return spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
}

/** Waits for something that another process does. Rejects after a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`it does not come true that ${what}`);
    await sleep(100);
  }
}

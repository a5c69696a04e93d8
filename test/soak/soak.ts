import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { judge, type Sample } from './judge.ts';
import { agentMemory } from './memory.ts';

// Runs an agent under mixed load for a long time, changes policies all the while, and compares what programs did with
// what was reported and what was counted as lost; samples memory of the agent and of its programs and maps in the kernel.

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    hook: { type: 'string', default: 'sys_openat' },
    out: { type: 'string', default: 'build/soak' },
    loads: { type: 'string', default: '2' },
  },
});
const root = join(import.meta.dirname, '../..');
const seconds = Number(values.minutes) * 60;
const data = '/run/jatai-soak';
const policies = join(data, 'policies');
const sampleMs = 10_000;
const updateMs = 20_000;

process.exitCode = await main();

async function main(): Promise<number> {
  if (!(seconds > 0)) throw new Error(`--minutes ${values.minutes} is not a time`);
  mkdirSync(values.out, { recursive: true });
  for (const folder of ['watched', 'other', 'policies']) mkdirSync(join(data, folder), { recursive: true });
  writePolicies(0);
  const agent = await startAgent();
  const samples: Sample[] = [];
  const started = Date.now();
  const sampling = setInterval(() => {
    const sample = { second: Math.round((Date.now() - started) / 1000), ...agentMemory(agent.process.pid!) };
    samples.push(sample);
    if (samples.length % 6 === 0) console.log(`soak: ${JSON.stringify({ ...sample, events: agent.watched })}`);
  }, sampleMs);
  let updates = 0;
  const updating = setInterval(() => {
    writePolicies(++updates);
    agent.process.kill('SIGHUP');
  }, updateMs);
  const done = await Promise.all(Array.from({ length: Number(values.loads) }, runLoad));
  clearInterval(updating);
  clearInterval(sampling);
  agent.process.kill('SIGTERM');
  await agent.ended;
  rmSync(data, { recursive: true });
  const sum = (name: string) => done.reduce((total, load) => total + load[name]!, 0);
  const result = judge({
    samples,
    updates,
    expected: { opens: sum('watched') + sum('missing'), programs: sum('programs') },
    reported: { opens: agent.watched, programs: agent.programs },
    log: readFileSync(join(values.out, 'agent.log'), 'utf8'),
  });
  writeFileSync(join(values.out, 'result.json'), `${JSON.stringify({ ...result, samples }, null, 1)}\n`);
  for (const line of result.lines) console.log(`soak: ${line}`);
  return result.passed ? 0 : 1;
}

/** The policy that counts stays the same; others come, change and go at the same hook. */
function writePolicies(update: number): void {
  writePolicy('watched', `${data}/watched/`);
  for (let extra = 0; extra < 20; extra++) {
    const file = join(policies, `extra-${extra}.yaml`);
    if ((update + extra) % 3 === 0) rmSync(file, { force: true });
    else writePolicy(`extra-${extra}`, `/nowhere/${extra}/${update % 7}/`);
  }
}

function writePolicy(name: string, prefix: string): void {
  const isSyscall = values.hook.startsWith('sys_');
  const text = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: ${name}
spec:
  kprobes:
  - call: ${values.hook}
    syscall: ${isSyscall}
    args:
    - {index: ${isSyscall ? 1 : 0}, type: ${isSyscall ? 'string' : 'file'}}
    selectors:
    - matchArgs:
      - {index: ${isSyscall ? 1 : 0}, operator: Prefix, values: ["${prefix}"]}
`;
  writeFileSync(join(policies, `${name}.yaml`), text);
}

interface RunningAgent {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  /** Events of the policy that counts, and of programs of the load. */
  watched: number;
  programs: number;
}

async function startAgent(): Promise<RunningAgent> {
  const log = join(values.out, 'agent.log');
  const args = ['run', '-o', 'json', '--policy', policies, '--watch-policies=false', '--log-level', 'warn'];
  const child = spawn(join(root, 'bin/jatai'), args, { stdio: ['ignore', 'pipe', openSync(log, 'w')] });
  const lines = createInterface({ input: child.stdout! });
  const agent: RunningAgent = {
    process: child,
    ended: new Promise((resolve) => lines.once('close', resolve)),
    watched: 0,
    programs: 0,
  };
  lines.on('line', (line) => {
    if (line.startsWith('{"process_kprobe"') || line.startsWith('{"process_tracepoint"')) {
      if (line.includes('"policy_name":"watched"')) agent.watched++;
    } else if (line.startsWith('{"process_exec"') && line.includes('mixed-load","arguments":"0 /"')) agent.programs++;
  });
  const deadline = Date.now() + 120_000;
  while (!/^ready: /m.test(readFileSync(log, 'utf8'))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`no agent:\n${readFileSync(log, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return agent;
}

async function runLoad(): Promise<Record<string, number>> {
  const load = spawn(join(root, 'build/programs/mixed-load'), [String(seconds), data], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  load.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const status = await new Promise((resolve) => load.once('close', resolve));
  if (status !== 0) throw new Error(`mixed-load ended with ${status}: ${text}`);
  return JSON.parse(text) as Record<string, number>;
}

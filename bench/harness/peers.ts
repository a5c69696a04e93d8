import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../test/vm/repository-root.ts';
import { runCommand } from '../../test/vm/run-command.ts';
import { Impossible } from '../row.ts';

const root = path.join(repositoryRoot, 'build/peers/root');
const startTimeoutMs = 600_000;
const settleMs = 2000;

/** Environment in which unpacked programs find their libraries. */
const env = {
  ...process.env,
  LC_ALL: 'C',
  LD_LIBRARY_PATH: ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib/llvm-14/lib']
    .map((folder) => path.join(root, folder))
    .join(':'),
};

/** Runs `work` while the kernel audits by these rules, each as `auditctl` takes it. No daemon reads what matches. */
export async function withAudit<T>(rules: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    for (const rule of ['-D', ...rules, '-e 1']) await auditctl(rule.split(' '));
    return await work();
  } finally {
    for (const rule of ['-D', '-e 0']) await auditctl(rule.split(' '));
  }
}

async function auditctl(args: readonly string[]): Promise<void> {
  const program = peerProgram('sbin/auditctl');
  const { status, stdout, stderr } = await runCommand('env', [libraries(), program, ...args], { allowFailure: true });
  if (status !== 0) throw new Impossible(`auditctl ${args.join(' ')}: ${lastLine(stderr) || lastLine(stdout)}`);
}

/** Runs `work` while a bpftrace script is attached. */
export async function withBpftrace<T>(script: string, work: () => Promise<T>): Promise<T> {
  const text = `BEGIN { printf("attached\\n"); } ${script}`;
  const child = spawn(peerProgram('usr/bin/bpftrace'), ['-e', text], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await attached(child);
    return await work();
  } finally {
    const ended = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.kill('SIGINT')) await ended;
  }
}

/** Waits for what BEGIN prints, which runs before the last probe is attached. */
async function attached(child: ChildProcess): Promise<void> {
  let said = '';
  const outcome = await new Promise<'attached' | 'ended' | 'late'>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('attached')) resolve('attached');
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.once('error', (error) => reject(new Impossible(error.message)));
    child.once('exit', () => resolve('ended'));
    setTimeout(() => resolve('late'), startTimeoutMs).unref();
  });
  if (outcome === 'ended') throw new Impossible(`bpftrace: ${lastLine(said)}`);
  if (outcome === 'late') throw new Error(`bpftrace did not attach in ${startTimeoutMs / 1000} s; it wrote: ${said}`);
  await sleep(settleMs);
}

function peerProgram(name: string): string {
  const program = path.join(root, name);
  if (!existsSync(program)) throw new Impossible(`${path.basename(name)} could not be fetched from the Debian mirror`);
  return program;
}

function libraries(): string {
  return `LD_LIBRARY_PATH=${env.LD_LIBRARY_PATH}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

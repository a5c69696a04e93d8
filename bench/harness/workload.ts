import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../test/vm/repository-root.ts';
import { runCommand } from '../../test/vm/run-command.ts';

/** The file of all measurements, three directories deep on a tmpfs. */
export const measuredFile = '/run/wl/data/file.txt';

const mountPoint = '/run/wl';

/** The program that the exec workload executes. */
export const nothingProgram = `${mountPoint}/nothing`;

/** Copied to the tmpfs: opens of a file on the guest's overlay run hooks twice. */
const workloadProgram = `${mountPoint}/workload`;

/** Calls whose cost is measured with and without an agent. */
export const calls = {
  'open+close': ['open-close', measuredFile],
  getppid: ['getppid'],
  'read of 1 byte': ['pread', measuredFile],
  'fork+exec+exit': ['exec', nothingProgram],
} as const;

export type Call = keyof typeof calls;

/** Puts the workloads and their file in place. */
export async function prepareWorkloads(): Promise<void> {
  if (existsSync(workloadProgram)) return;
  mkdirSync(mountPoint, { recursive: true });
  await runCommand('mount', ['-t', 'tmpfs', 'none', mountPoint]);
  mkdirSync(path.dirname(measuredFile));
  writeFileSync(measuredFile, 'x\n');
  for (const program of [workloadProgram, nothingProgram]) {
    copyFileSync(path.join(repositoryRoot, 'build/bench', path.basename(program)), program);
  }
}

/** Runs `workload` with arguments and returns the numbers it printed. Throws with its standard error when it fails. */
export async function runWorkload(...args: readonly string[]): Promise<Record<string, number>> {
  const { stdout } = await runCommand(workloadProgram, args, { cwd: '/' });
  return JSON.parse(stdout) as Record<string, number>;
}

let metronome: ChildProcess | undefined;

/** Keeps the clock of a guest that counts instructions from leaping while it waits for the host. Returns what ends it. */
export function startMetronome(): () => void {
  metronome = spawn(workloadProgram, ['metronome'], { stdio: 'ignore' });
  return () => metronome?.kill();
}

/** What one call costs now, in nanoseconds. */
export async function costOf(call: Call): Promise<number> {
  metronome?.kill('SIGSTOP');
  try {
    return (await runWorkload(...calls[call]))['ns']!;
  } finally {
    metronome?.kill('SIGCONT');
  }
}

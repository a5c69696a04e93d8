import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { repositoryRoot } from '../../vm/repository-root.ts';

export interface ProgramResult {
  readonly pid: number;
  /** Exit status; -1 when a signal ended it. */
  readonly status: number;
  readonly signal: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program that runs beside the scenario. */
export interface RunningProgram {
  readonly pid: number;
  readonly done: Promise<ProgramResult>;
  /** What it has printed so far. */
  stdout(): string;
  kill(signal: NodeJS.Signals): void;
  /** Writes to its standard input. */
  send(text: string): void;
  endInput(): void;
}

/** The path of a trigger program, `test/programs/NAME.c`. */
export function triggerProgram(name: string): string {
  return path.join(repositoryRoot, 'build/programs', name);
}

/** Starts a program: a path, a name in PATH, or `./name` for one of `test/programs/`. Throws when it cannot be started. */
export function startProgram(command: readonly string[], options: ProgramOptions = {}): RunningProgram {
  const [name = '', ...args] = command;
  const file = name.startsWith('./') ? triggerProgram(name.slice(2)) : name;
  const child = spawn(file, args, {
    cwd: options.cwd ?? '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: '/root', LC_ALL: 'C', ...options.env },
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString('latin1');
  });
  child.stdin.on('error', () => {});
  return {
    pid: child.pid ?? 0,
    done: endOf(child, output),
    stdout: () => output.stdout,
    kill: (signal) => child.kill(signal),
    send: (text) => child.stdin.write(text),
    endInput: () => child.stdin.end(),
  };
}

function endOf(
  child: ChildProcess,
  output: { readonly stdout: string; readonly stderr: string },
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      resolve({ pid: child.pid ?? 0, status: status ?? -1, signal: signal ?? '', ...output });
    });
  });
}

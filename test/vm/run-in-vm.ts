import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GuestPort, openGuestPort } from './guest-port.ts';
import { buildInitramfs, createEndMark } from './initramfs.ts';
import { fetchKernel } from './kernel-image.ts';
import { OutputBuffer } from './output-buffer.ts';
import { qemuArguments, qemuProgram } from './qemu.ts';
import { repositoryRoot } from './repository-root.ts';
import { saveTerminal, terminalShape } from './terminal.ts';

export interface VmOptions {
  /** Kernel series: `5.10`, `6.1`, `6.12` or `7`. */
  kernel: string;
  /** A shell command line, or a program with its arguments; runs as root in the checkout. */
  command: string | readonly string[];
  /** Seconds from the start of QEMU until the guest is ended; 900 unless given. */
  timeoutSec?: number;
  /** Host folder the guest writes to at /run/jatai-out; a temporary one, removed afterwards, unless given. */
  outDir?: string;
  cpus?: number;
  memoryMegabytes?: number;
  /** One CPU that counts instructions instead of time. */
  icount?: boolean;
  /** More words for the kernel's command line. */
  append?: string;
  env?: Readonly<Record<string, string>>;
  /** Run systemd as process 1, with nothing but its basic target. */
  init?: 'systemd' | undefined;
  /** Give the command this process's terminal instead of separate output streams. */
  terminal?: boolean;
  /** Ends the guest early. */
  signal?: AbortSignal;
  onStdout?: (chunk: Buffer) => void;
  onStderr?: (chunk: Buffer) => void;
  onConsole?: (chunk: Buffer) => void;
  /** Told about slow preparation, such as a kernel download. */
  onProgress?: (message: string) => void;
}

export interface VmResult {
  /** The command's status; 124 after a timeout, 125 when the guest ended without reporting one, 130 when aborted. */
  status: number;
  stdout: string;
  stderr: string;
  /** The last part of what the guest's kernel printed. */
  console: string;
  /** Why there is no status of the command: a panic, a timeout, an abort, a guest that did not start. */
  failure?: string;
}

/** Statuses that are ours, not the command's; the same as timeout(1), docker(1) and an interrupted shell use. */
export const vmTimeoutStatus = 124;
export const vmFailureStatus = 125;
export const vmAbortStatus = 130;

const defaultTimeoutSec = 900;
const consoleLimit = 256 * 1024;
const outputLimit = 256 * 1024 * 1024;
const consoleTailLines = 40;
type Outcome = 'ended' | 'finished' | 'timeout' | 'aborted';

const hiddenPlaces = ['/dev', '/proc', '/run', '/sys'];

/**
 * Boots a Debian kernel in QEMU with this machine's files as its root, runs one command there, and returns what it
 * printed and how it ended. Changes to files stay in the guest, except those below /run/jatai-out.
 *
 * Throws when the machine cannot be prepared (unknown kernel, no QEMU, no mirror); what happens in the guest, a panic
 * or a timeout included, is in the result.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  refuseHiddenCheckout();
  const kernel = await fetchKernel(options.kernel, options.onProgress);
  const folder = await mkdtemp(path.join(shortTemporaryFolder(), 'jatai-vm-'));
  const outDir = path.resolve(options.outDir ?? path.join(folder, 'out'));
  await mkdir(outDir, { recursive: true });
  const guest = new Guest(options);
  try {
    const initramfs = path.join(folder, 'initramfs');
    const { command, env = {} } = options;
    const terminal = options.terminal ? { terminal: terminalShape() } : {};
    const session = { command, env, endMark: guest.endMark, init: options.init, ...terminal };
    await writeFile(initramfs, await buildInitramfs(kernel, session));
    const ports = await guest.openPorts(folder);
    const machine = {
      kernelFolder: kernel.folder,
      initramfs,
      outDir,
      ports,
      cpus: options.cpus ?? 2,
      memoryMegabytes: options.memoryMegabytes ?? 2048,
      icount: options.icount ?? false,
      append: options.append ?? '',
    };
    return await guest.run(qemuArguments(machine));
  } finally {
    guest.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One running QEMU with the streams that come out of it. */
class Guest {
  readonly endMark = createEndMark();
  readonly #options: VmOptions;
  readonly #stdout = new OutputBuffer(outputLimit);
  readonly #stderr = new OutputBuffer(outputLimit);
  readonly #console = new OutputBuffer(consoleLimit);
  readonly #ports: GuestPort[] = [];
  #control = '';
  #qemu: ChildProcess | undefined;

  constructor(options: VmOptions) {
    this.#options = options;
  }

  /** Opens the three ports below `folder` and returns their socket paths. */
  async openPorts(folder: string): Promise<string[]> {
    const { onStdout, onStderr } = this.#options;
    const receivers = [
      { name: 'jatai-stdout', mark: this.endMark, take: this.#stdout.receiver(onStdout) },
      { name: 'jatai-stderr', mark: this.endMark, take: this.#stderr.receiver(onStderr) },
      {
        name: 'jatai-control',
        mark: Buffer.from('\n'),
        take: (chunk: Buffer) => {
          this.#control += chunk.toString();
        },
      },
    ];
    const paths: string[] = [];
    for (const { name, mark, take } of receivers) {
      const socketPath = path.join(folder, name);
      this.#ports.push(await openGuestPort(socketPath, mark, take));
      paths.push(socketPath);
    }
    return paths;
  }

  /** Runs QEMU until the command has ended and all its output is here, or the guest is gone, or time is up. */
  async run(qemu: readonly string[]): Promise<VmResult> {
    const { terminal = false, timeoutSec = defaultTimeoutSec } = this.#options;
    // Nobody would end the guest of a runner that was killed; setpriv makes the kernel do it.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', qemuProgram, ...qemu], {
      stdio: terminal ? ['inherit', 'inherit', 'pipe'] : ['ignore', 'pipe', 'pipe'],
    });
    this.#qemu = child;
    const takeConsole = this.#console.receiver(this.#options.onConsole);
    child.stdout?.on('data', takeConsole);
    child.stderr?.on('data', takeConsole);
    const ended = new Promise<'ended'>((resolve, reject) => {
      child.once('error', (error) => reject(new Error(`cannot start QEMU: ${error.message}; run make setup`)));
      child.once('close', () => resolve('ended'));
    });
    const finished = this.#finished(terminal);
    const timeout = startTimeout(timeoutSec);
    const aborted = abortOf(this.#options.signal);
    const restoreTerminal = terminal ? saveTerminal() : () => {};
    try {
      const outcome = await Promise.race([ended, finished, timeout.promise, aborted]);
      if (outcome === 'ended') await Promise.all(this.#ports.map((port) => port.done));
      return this.#result(outcome, timeoutSec);
    } finally {
      timeout.cancel();
      this.close();
      await ended.catch(() => {});
      restoreTerminal();
    }
  }

  close(): void {
    this.#qemu?.kill('SIGKILL');
    for (const port of this.#ports) port.close();
  }

  async #finished(terminal: boolean): Promise<'finished'> {
    await Promise.all((terminal ? this.#ports.slice(2) : this.#ports).map((port) => port.done));
    return 'finished';
  }

  #result(outcome: Outcome, timeoutSec: number): VmResult {
    const output = {
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
      console: this.#console.text().replaceAll('\r', ''),
    };
    const status = /^exit (\d+)/.exec(this.#control)?.[1];
    if (status !== undefined) return { status: Number(status), ...output };
    if (outcome === 'timeout') {
      const failure = `the guest was ended after ${timeoutSec} s (a larger TIMEOUT gives it more time)`;
      return { status: vmTimeoutStatus, ...output, failure };
    }
    if (outcome === 'aborted') return { status: vmAbortStatus, ...output, failure: 'interrupted' };
    return { status: vmFailureStatus, ...output, failure: explainEnd(output.console) };
  }
}

/** The last lines of a console, for a person to read after a failure. */
export function consoleTail(text: string): string {
  return text.trimEnd().split('\n').slice(-consoleTailLines).join('\n');
}

function explainEnd(text: string): string {
  const reason = /^.*(?:Kernel panic - not syncing|Oops:|BUG:|guest init:).*$/m.exec(text)?.[0];
  return reason === undefined
    ? 'the guest ended without reporting a status'
    : `the guest's kernel failed: ${reason.trim()}`;
}

function startTimeout(seconds: number): { promise: Promise<'timeout'>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<'timeout'>();
  const timer = setTimeout(() => resolve('timeout'), seconds * 1000);
  return { promise, cancel: () => clearTimeout(timer) };
}

function abortOf(signal: AbortSignal | undefined): Promise<'aborted'> {
  const { promise, resolve } = Promise.withResolvers<'aborted'>();
  if (signal?.aborted) resolve('aborted');
  signal?.addEventListener('abort', () => resolve('aborted'), { once: true });
  return promise;
}

/** A socket's path has at most 107 bytes. */
function shortTemporaryFolder(): string {
  return tmpdir().length < 60 ? tmpdir() : '/tmp';
}

function refuseHiddenCheckout(): void {
  const hidden = hiddenPlaces.find((place) => `${repositoryRoot}/`.startsWith(`${place}/`));
  if (hidden !== undefined) {
    throw new Error(`the checkout ${repositoryRoot} is below ${hidden}, which is the guest's own; move it elsewhere`);
  }
}

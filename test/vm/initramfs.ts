import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type CpioMember, cpioFile, cpioFolder, writeCpio } from './cpio.ts';
import type { KernelImage } from './kernel-image.ts';
import { bootModules, moduleLoadOrder } from './kernel-modules.ts';
import { repositoryRoot } from './repository-root.ts';

/** What one run of a guest needs to know. */
export interface GuestSession {
  /** A shell command line, or a program with its arguments. */
  command: string | readonly string[];
  /** Environment of the command, besides PATH, HOME and TERM. */
  env: Readonly<Record<string, string>>;
  /** Process 1 while the command runs: systemd, or nothing but the command. */
  init?: 'systemd' | undefined;
  /** Bytes that end the forwarded standard output and standard error. */
  endMark: Buffer;
  /** Present when the command gets the guest's console as its terminal. */
  terminal?: { rows: number; columns: number; type: string };
}

const characterDevice = 0o020000;
const busyboxPlaces = ['/bin/busybox', '/usr/bin/busybox'];

/** A mark that ends a stream: a zero byte, then random letters that no output contains by chance. */
export function createEndMark(): Buffer {
  return Buffer.from(`\0${randomBytes(24).toString('hex')}`);
}

/** Builds the initramfs of one run: busybox, the modules to boot with, the guest's scripts, and the command. */
export async function buildInitramfs(kernel: KernelImage, session: GuestSession): Promise<Buffer> {
  const folders = ['bin', 'dev', 'proc', 'sys', 'root', 'overlay', 'modules', 'jatai'].map(cpioFolder);
  return writeCpio([
    ...folders,
    { name: 'dev/console', mode: characterDevice | 0o600, device: [5, 1] },
    { name: 'dev/null', mode: characterDevice | 0o666, device: [1, 3] },
    cpioFile('bin/busybox', readBusybox(), 0o755),
    cpioFile('init', readGuestScript('init'), 0o755),
    ...(await moduleMembers(kernel)),
    cpioFile('jatai/session', readGuestScript('session')),
    cpioFile('jatai/settings', settingsText(kernel, session)),
    cpioFile('jatai/command', commandText(session)),
  ]);
}

async function moduleMembers(kernel: KernelImage): Promise<CpioMember[]> {
  const files = await moduleLoadOrder(bootModules, kernel.release, kernel.folder);
  const order = files.map((file) => `${path.basename(file)}\n`).join('');
  const members = files.map((file) => cpioFile(`modules/${path.basename(file)}`, readFileSync(file)));
  return [...members, cpioFile('modules/order', order)];
}

function settingsText(kernel: KernelImage, { endMark, init, terminal }: GuestSession): string {
  const settings = {
    CHECKOUT: repositoryRoot,
    KERNEL_FOLDER: kernel.folder,
    // printf '%b' in the guest turns the zero byte's escape back into the byte.
    END_MARK: endMark.toString('latin1').replace('\0', '\\0000'),
    INIT: init ?? '',
    TERMINAL: terminal ? '1' : '0',
    ROWS: String(terminal?.rows ?? 24),
    COLUMNS: String(terminal?.columns ?? 80),
    TERM: terminal?.type ?? 'dumb',
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}

function commandText({ command, env }: GuestSession): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  const text = typeof command === 'string' ? command : `exec ${command.map(quote).join(' ')}`;
  return `${exports.join('')}${text}\n`;
}

/** Quotes a word for a POSIX shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function readGuestScript(name: string): Buffer {
  return readFileSync(path.join(import.meta.dirname, 'guest', name));
}

function readBusybox(): Buffer {
  const found = busyboxPlaces.find((file) => readdirSync(path.dirname(file)).includes('busybox'));
  if (found === undefined) throw new Error('no busybox on this machine; run make setup (package busybox-static)');
  return readFileSync(found);
}

import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { constants as osConstants } from 'node:os';
import path from 'node:path';
import { BPF_OBJ_GET, BPF_OBJ_PIN, BpfAttr } from './bpf-syscall.ts';
import { KernelError } from './kernel-error.ts';
import { flock, LOCK_EX, LOCK_NB, lastErrno } from './libc.ts';
import { mountBpffs } from './mounts.ts';

/** Nobody else may put objects where they would be taken for ours. */
const folderMode = 0o700;
const othersMayWrite = 0o022;
/** Longest file name of the kernel. */
const longestName = 255;

/**
 * The absolute path of a folder below a bpffs, by default the mounted one, as `--bpf-dir` names it. Throws a KernelError for
 * another place: what is in the folder belongs to agents, and they remove it.
 */
export function bpffsPath(name: string, root: string = mountBpffs()): string {
  const folder = path.resolve(root, name);
  if (folder.startsWith(`${root}/`)) return folder;
  throw new KernelError({
    call: `use ${folder}`,
    errno: 0,
    reason: `it is no folder below ${root}`,
    hint: 'give --bpf-dir the name of one, such as jatai',
  });
}

/**
 * A name as a file name on a bpffs, which takes no dots and no slashes: other characters than letters, digits, `_`, `-`
 * and `:` become `+` and two hexadecimal digits. Throws a KernelError when it is too long.
 */
export function pinName(name: string): string {
  const encode = (text: string) =>
    [...Buffer.from(text)].map((byte) => `+${byte.toString(16).padStart(2, '0')}`).join('');
  const file = name.replace(/[^A-Za-z0-9_:-]/gu, encode);
  if (file.length <= longestName) return file;
  throw new KernelError({ call: `pin ${name}`, errno: osConstants.errno.ENAMETOOLONG });
}

/** The name that `pinName` made a file name of. */
export function nameOfPin(file: string): string {
  return Buffer.from(
    file.replace(/\+([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))),
    'latin1',
  ).toString();
}

/** Makes a folder on a bpffs, with those above it, that only its owner enters. Throws when it is not ours alone. */
export function makePinFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: folderMode });
  const { uid, mode } = statSync(folder);
  if (uid === process.geteuid?.() && (mode & othersMayWrite) === 0) return;
  throw new KernelError({
    call: `use ${folder}`,
    errno: 0,
    reason: `it belongs to user ${uid} and has mode ${(mode & 0o777).toString(8)}, so that others may have put programs there`,
    hint: 'remove it, or name another folder',
  });
}

/** Pins any object by its descriptor. Throws a KernelError. */
export function pinDescriptor(fd: number, file: string): void {
  new BpfAttr().text(0, file).u32(8, fd).run(BPF_OBJ_PIN, `pin ${file}`);
}

/** Opens any pinned object; the caller closes the descriptor. Throws a KernelError. */
export function openPinned(file: string): number {
  return new BpfAttr().text(0, file).run(BPF_OBJ_GET, `open pinned object ${file}`, '');
}

/** Names in a folder, sorted; none when there is no such folder. */
export function listPins(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

/** Moves a folder with all that is in it, in one step. */
export function renamePins(from: string, to: string): void {
  renameSync(from, to);
}

/**
 * Removes a file or a folder with all that is in it, `first` before the others in each folder, and gives each removed
 * path to `told`. The kernel frees what nothing else holds.
 */
export function removePins(file: string, first: readonly string[] = [], told: (path: string) => void = () => {}): void {
  if (!existsSync(file)) return;
  if (!statSync(file).isDirectory()) {
    unlinkSync(file);
  } else {
    const names = listPins(file);
    const ordered = [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name))];
    for (const name of ordered) removePins(path.join(file, name), first, told);
    rmdirSync(file);
  }
  told(file);
}

/** Ownership of a folder, until `close` or the end of this process, however it comes. */
export class FolderLock {
  #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined while another process has it. Throws a KernelError. */
  static tryLock(folder: string): FolderLock | undefined {
    const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) return new FolderLock(fd);
    const errno = lastErrno();
    closeSync(fd);
    if (errno === osConstants.errno.EAGAIN) return undefined;
    throw new KernelError({ call: `lock ${folder}`, errno });
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

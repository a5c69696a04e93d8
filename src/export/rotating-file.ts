import fs, { constants, promises as fsPromises, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { nextBackupPath, tidyBackups } from './backup-files.ts';
import { countLines, type PendingPart, viewsOf } from './line-queue.ts';
import type { OutputDevice } from './output-device.ts';

export interface RotatingFileOptions {
  /** Permission bits of new files, 0o600 by default. */
  readonly mode?: number;
  /** Size at which a file is put aside; it never becomes larger. 0 or missing: no limit. */
  readonly maxBytes?: number;
  /** Time after which a file is put aside when something is in it. 0 or missing: never. */
  readonly intervalMs?: number;
  /** Files kept besides the live one; 0 keeps all. */
  readonly maxBackups?: number;
  /** Compresses the files put aside. */
  readonly compress?: boolean;
  readonly report?: (message: string) => void;
}

/** When a file is put aside, and how many of them are kept; 0 as in `RotatingFileOptions`. */
export interface Rotation {
  readonly maxBytes: number;
  readonly intervalMs: number;
  readonly maxBackups: number;
}

/** What happened to the file so far. */
export interface FileCounters {
  readonly rotations: number;
  readonly rotationFailures: number;
  /** Times the file was opened again because it was deleted, moved or asked for. */
  readonly reopenings: number;
}

/**
 * Appends to a file by name. All calls to the system are made by the thread pool, so that a slow disk delays nobody.
 * Opens the name again when the file behind it was moved or deleted, rotates by size and time between two lines, and
 * ends a line that a crash left unfinished. Also takes a named pipe, which may have no reader yet.
 */
export class RotatingFile implements OutputDevice {
  readonly name: string;
  readonly survivesReaders = true;
  onReplaced?: () => void;
  onLost?: (lines: number) => void;
  #options: RotatingFileOptions;
  #timer: NodeJS.Timeout | undefined;
  #file: OpenFile | undefined;
  /** Whether the last byte written ended a line. */
  #atLineStart = true;
  /** Lines written since the file was last seen under its name. */
  #uncheckedLines = 0;
  #checkedAt = 0;
  #rotationDue = false;
  #nextRotationAttempt = 0;
  #reopenWanted = false;
  #tidying: Promise<void> | undefined;
  #tidyAgain = false;
  readonly #ending = new AbortController();
  #failedBefore = new Set<string>();
  /** The operation in progress; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();
  #rotations = 0;
  #rotationFailures = 0;
  #reopenings = 0;

  private constructor(path: string, options: RotatingFileOptions) {
    this.name = path;
    this.#options = options;
    this.#startTimer();
  }

  /**
   * Opens or makes the file. Rejects with the system's error, but not for what passes: a full disk, a named pipe without
   * a reader.
   */
  static async open(path: string, options: RotatingFileOptions = {}): Promise<RotatingFile> {
    const device = new RotatingFile(path, options);
    try {
      await device.#open();
    } catch (error) {
      if (!passingErrors.has(codeOf(error))) {
        clearInterval(device.#timer);
        throw error;
      }
    }
    const place = device.#file?.place;
    if (place !== undefined && device.#rotates) device.#tidy(place);
    return device;
  }

  get rotation(): Rotation {
    const { maxBytes = 0, intervalMs = 0, maxBackups = 0 } = this.#options;
    return { maxBytes, intervalMs, maxBackups };
  }

  /** Rotates in another way from now on; what is not given stays. A new interval begins now. */
  setRotation(change: Partial<Rotation>): void {
    this.#options = { ...this.#options, ...change };
    if (change.intervalMs !== undefined) this.#startTimer();
  }

  counters(): FileCounters {
    return {
      rotations: this.#rotations,
      rotationFailures: this.#rotationFailures,
      reopenings: this.#reopenings,
    };
  }

  write(parts: readonly PendingPart[]): Promise<number> {
    return this.#exclusive(() => this.#write(parts));
  }

  reopen(): void {
    this.#reopenWanted = true;
  }

  async close(tornBytes: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#exclusive(async () => {
      const file = this.#file;
      if (file === undefined) return;
      this.#file = undefined;
      if (tornBytes > 0 && file.isRegular) await ftruncate(file.fd, file.bytes - tornBytes).catch(() => {});
      await this.#countIfDeleted(file);
      await close(file.fd);
    });
    const impatience = setTimeout(() => this.#ending.abort(), tidyTimeoutMs);
    while (this.#tidying !== undefined) await this.#tidying;
    clearTimeout(impatience);
  }

  #startTimer(): void {
    clearInterval(this.#timer);
    const { intervalMs = 0 } = this.#options;
    this.#timer = intervalMs > 0 ? setInterval(() => this.#rotateByTime(), intervalMs).unref() : undefined;
  }

  get #rotates(): boolean {
    return (this.#options.maxBytes ?? 0) > 0 || (this.#options.intervalMs ?? 0) > 0;
  }

  async #write(parts: readonly PendingPart[]): Promise<number> {
    const first = parts[0]!;
    const file = await this.#fileFor(first.end - first.start);
    /* The line that was begun in another file must begin anew in this one. */
    if (file === undefined) return 0;
    const fitting = this.#fitting(file, parts);
    const count = await this.#writeTo(file, fitting);
    if (count === 0) return 0;
    file.bytes += count;
    this.#noteWritten(fitting, count);
    return count;
  }

  /** The parts that the file has room for: rotation is between two of them. */
  #fitting(file: OpenFile, parts: readonly PendingPart[]): readonly PendingPart[] {
    const { maxBytes = 0 } = this.#options;
    if (maxBytes === 0 || !file.isRegular) return parts;
    let size = file.bytes;
    const end = parts.findIndex((part, index) => {
      size += part.end - part.start;
      return index > 0 && size > maxBytes;
    });
    return end === -1 ? parts : parts.slice(0, end);
  }

  async #writeTo(file: OpenFile, parts: readonly PendingPart[]): Promise<number> {
    try {
      if (file.isTorn) {
        file.bytes += (await write(file.fd, newline, 0, 1)).bytesWritten;
        file.isTorn = false;
      }
      const [first] = parts;
      if (parts.length > 1) return (await writev(file.fd, viewsOf(parts))).bytesWritten;
      return (await write(file.fd, first!.bytes, first!.start, first!.end - first!.start)).bytesWritten;
    } catch (error) {
      if (codeOf(error) === 'EAGAIN') return 0;
      /* The next reader of a named pipe gets whole lines. */
      if (codeOf(error) === 'EPIPE') await this.#leave(file);
      throw error;
    }
  }

  #noteWritten(parts: readonly PendingPart[], count: number): void {
    let rest = count;
    for (const { bytes, start, end, lines } of parts) {
      const size = Math.min(rest, end - start);
      this.#atLineStart = bytes[start + size - 1] === NEWLINE;
      this.#uncheckedLines += size === end - start ? lines : countLines(bytes, start, start + size);
      rest -= size;
      if (rest === 0) return;
    }
  }

  /** The file to write the next `size` bytes to; undefined when it is another one than that of the torn line. */
  async #fileFor(size: number): Promise<OpenFile | undefined> {
    const wasTorn = !this.#atLineStart;
    if (this.#file !== undefined) await this.#check(this.#file);
    if (this.#file?.isRegular === true && this.#atLineStart && this.#isRotationDue(this.#file, size)) {
      await this.#rotate(this.#file);
    }
    this.#file ??= await this.#open();
    return wasTorn && this.#atLineStart ? undefined : this.#file;
  }

  /** Looks now and then whether the file still is what its name leads to. */
  async #check(file: OpenFile): Promise<void> {
    const now = performance.now();
    if (!this.#reopenWanted && (!file.isRegular || now - this.#checkedAt < checkIntervalMs)) return;
    this.#checkedAt = now;
    const found = await statOrUndefined(this.name);
    const same = found !== undefined && found.ino === file.inode && found.dev === file.device;
    if (same) file.bytes = found.size;
    if (same && !this.#reopenWanted) {
      this.#uncheckedLines = 0;
      return;
    }
    if (!same) await this.#countIfDeleted(file);
    await this.#leave(file);
    this.#reopenings++;
  }

  async #countIfDeleted(file: OpenFile): Promise<void> {
    if (this.#uncheckedLines > 0 && file.isRegular && (await fstat(file.fd)).nlink === 0)
      this.onLost?.(this.#uncheckedLines);
  }

  async #leave(file: OpenFile): Promise<void> {
    this.#reopenWanted = false;
    this.#file = undefined;
    this.#uncheckedLines = 0;
    if (!this.#atLineStart) this.onReplaced?.();
    this.#atLineStart = true;
    await close(file.fd);
  }

  async #open(): Promise<OpenFile> {
    const known = await statOrUndefined(this.name);
    const access = known === undefined || known.isFile() ? constants.O_RDWR : constants.O_WRONLY;
    const flags = access | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
    const fd = await open(this.name, flags, this.#options.mode ?? defaultMode);
    try {
      this.#file = await this.#examine(fd, known === undefined);
      return this.#file;
    } catch (error) {
      await close(fd);
      throw error;
    }
  }

  async #examine(fd: number, isNew: boolean): Promise<OpenFile> {
    const stats = await fstat(fd);
    const isRegular = stats.isFile();
    /* What the process masks from new files is meant for others. */
    if (isNew && isRegular) await fchmod(fd, this.#options.mode ?? defaultMode);
    const isTorn = isRegular && stats.size > 0 && !(await endsWithNewline(fd, stats.size));
    const place = isRegular ? await placeOf(this.name) : undefined;
    return { fd, isRegular, place, isTorn, inode: stats.ino, device: stats.dev, bytes: stats.size };
  }

  #isRotationDue(file: OpenFile, size: number): boolean {
    const { maxBytes = 0 } = this.#options;
    if (file.bytes === 0 || performance.now() < this.#nextRotationAttempt) return false;
    return this.#rotationDue || (maxBytes > 0 && file.bytes + size > maxBytes);
  }

  #rotateByTime(): void {
    this.#rotationDue = true;
    const rotate = async (): Promise<void> => {
      const file = this.#file;
      if (file?.isRegular !== true || !this.#atLineStart) return;
      if (this.#isRotationDue(file, 0)) await this.#rotate(file);
      if (file.bytes === 0) this.#rotationDue = false;
    };
    this.#exclusive(rotate).catch(() => {});
  }

  /** Puts the file aside. When that does not work, goes on with it and tries again some seconds later. */
  async #rotate(file: OpenFile): Promise<void> {
    this.#rotationDue = false;
    const { place } = file;
    if (place === undefined) return this.#notRotated('it is the name of an open file');
    try {
      const backup = await nextBackupPath(place, Date.now());
      await fsPromises.rename(place, backup);
      await this.#openNext(backup, place);
    } catch (error) {
      return this.#notRotated(codeOf(error));
    }
    this.#rotations++;
    this.#uncheckedLines = 0;
    this.#failedBefore.delete('rotation');
    await close(file.fd);
    this.#tidy(place);
  }

  #notRotated(reason: string): void {
    this.#rotationFailures++;
    this.#nextRotationAttempt = performance.now() + rotationRetryMs;
    this.#sayOnce('rotation', `cannot rotate (${reason}); the file grows beyond its limit`);
  }

  async #openNext(backup: string, place: string): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      await fsPromises.rename(backup, place).catch(() => {});
      throw error;
    }
  }

  /** Deletes and compresses in the background, one run at a time. */
  #tidy(place: string): void {
    if (this.#tidying !== undefined) {
      this.#tidyAgain = true;
      return;
    }
    const { maxBackups = 0, compress = false, mode = defaultMode } = this.#options;
    const { signal } = this.#ending;
    this.#tidying = tidyBackups(place, { maxBackups, compress, mode, signal }).then(
      () => this.#tidied(place),
      (error: unknown) => this.#tidied(place, error),
    );
  }

  #tidied(place: string, error?: unknown): void {
    this.#tidying = undefined;
    if (error === undefined) this.#failedBefore.delete('backups');
    else if (!this.#ending.signal.aborted)
      this.#sayOnce(
        'backups',
        `cannot delete or compress older files (${codeOf(error)}); tried again at each rotation`,
      );
    if (!this.#tidyAgain || this.#ending.signal.aborted) return;
    this.#tidyAgain = false;
    this.#tidy(place);
  }

  #sayOnce(kind: string, message: string): void {
    if (this.#failedBefore.has(kind)) return;
    this.#failedBefore.add(kind);
    this.#options.report?.(`${this.name}: ${message}`);
  }

  #exclusive<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }
}

interface OpenFile {
  readonly fd: number;
  readonly isRegular: boolean;
  /** Where it lies, behind links; undefined when there is no such place to rotate it at. */
  readonly place: string | undefined;
  readonly inode: number;
  readonly device: number;
  /** Ends with a part of a line, of a program that was killed. */
  isTorn: boolean;
  bytes: number;
}

async function endsWithNewline(fd: number, size: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  await read(fd, last, 0, 1, size - 1);
  return last[0] === NEWLINE;
}

async function statOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await fsPromises.stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined for `/dev/stdout` and its like: whoever has opened the file has named it. */
async function placeOf(name: string): Promise<string | undefined> {
  const folder = await fsPromises.realpath(dirname(name));
  const target = await fsPromises.readlink(name).catch(() => '');
  return [folder, target].some((path) => `${path}/`.startsWith('/proc/')) ? undefined : fsPromises.realpath(name);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/* The callback forms by descriptor: a FileHandle costs a third more for each write. */
const open = promisify(fs.open);
const close = promisify(fs.close);
const write = promisify(fs.write);
const writev = promisify(fs.writev);
const read = promisify(fs.read);
const fstat = promisify(fs.fstat) as (fd: number) => Promise<Stats>;
const fchmod = promisify(fs.fchmod);
const ftruncate = promisify(fs.ftruncate);

const passingErrors: ReadonlySet<string> = new Set(['ENXIO', 'ENOSPC', 'EDQUOT']);
const NEWLINE = 0x0a;
const newline = Buffer.from('\n');
const defaultMode = 0o600;
/** Lines written to a file that was deleted within this time before they were written are lost, and counted. */
const checkIntervalMs = 250;
const rotationRetryMs = 10_000;
/** What is not compressed at the end by then is compressed by the next agent. */
const tidyTimeoutMs = 500;

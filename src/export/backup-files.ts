import { createReadStream, createWriteStream, promises as fs } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/*
 * Files that were rotated away stand beside the live one, named as Tetragon names them: `events.log` becomes
 * `events-2026-11-20T09-55-18.000.log`, compressed `events-2026-11-20T09-55-18.000.log.gz`. The time is that of the
 * rotation in UTC; names always rise, also when the clock was set back, because their order decides which are deleted.
 */

export interface BackupOptions {
  /** Backups kept; 0 keeps all. */
  readonly maxBackups: number;
  readonly compress: boolean;
  /** Permission bits of compressed files. */
  readonly mode: number;
}

/** The name a file gets when it is rotated at `nowMs`: later than every backup there is. */
export async function nextBackupPath(path: string, nowMs: number): Promise<string> {
  const latest = (await listBackups(path))[0];
  const stampMs = Math.max(nowMs, latest === undefined ? 0 : latest.stampMs + 1);
  const { prefix, extension } = nameParts(path);
  return join(dirname(path), `${prefix}${stampText(stampMs)}${extension}`);
}

/**
 * Deletes the backups that are too many and compresses the others. A file is compressed under a temporary name first:
 * whatever interrupts it, the backup is there in full. Throws the system's error; what is left is done next time.
 */
export async function tidyBackups(path: string, options: BackupOptions): Promise<void> {
  const folder = dirname(path);
  const { prefix } = nameParts(path);
  for (const name of await fs.readdir(folder)) {
    if (name.startsWith(prefix) && name.endsWith(unfinishedSuffix)) await fs.rm(join(folder, name), { force: true });
  }
  const backups = await listBackups(path);
  const stamps = [...new Set(backups.map(({ stampMs }) => stampMs))];
  const tooOld = options.maxBackups > 0 ? new Set(stamps.slice(options.maxBackups)) : new Set<number>();
  for (const { file, stampMs, compressed } of backups) {
    if (tooOld.has(stampMs)) await fs.rm(file, { force: true });
    else if (options.compress && !compressed) await compress(file, options.mode);
  }
}

interface Backup {
  readonly file: string;
  readonly stampMs: number;
  readonly compressed: boolean;
}

/** Latest first. */
async function listBackups(path: string): Promise<Backup[]> {
  const folder = dirname(path);
  const { prefix, extension } = nameParts(path);
  const backups: Backup[] = [];
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const rest = name.slice(prefix.length);
    const compressed = rest.endsWith(compressedSuffix);
    const stamp = compressed ? rest.slice(0, -compressedSuffix.length) : rest;
    if (!stamp.endsWith(extension)) continue;
    const stampMs = parseStamp(stamp.slice(0, stamp.length - extension.length));
    if (stampMs !== undefined) backups.push({ file: join(folder, name), stampMs, compressed });
  }
  return backups.sort((left, right) => right.stampMs - left.stampMs);
}

async function compress(file: string, mode: number): Promise<void> {
  const unfinished = `${file}${unfinishedSuffix}`;
  try {
    await pipeline(createReadStream(file), createGzip(), createWriteStream(unfinished, { mode, flush: true }));
    await fs.rename(unfinished, `${file}${compressedSuffix}`);
  } catch (error) {
    await fs.rm(unfinished, { force: true }).catch(() => {});
    throw error;
  }
  await fs.rm(file, { force: true });
}

function nameParts(path: string): { prefix: string; extension: string } {
  const name = basename(path);
  const extension = extname(name);
  return { prefix: `${name.slice(0, name.length - extension.length)}-`, extension };
}

/** `2026-11-20T09-55-18.000` */
function stampText(stampMs: number): string {
  return new Date(stampMs).toISOString().replaceAll(':', '-').slice(0, -1);
}

function parseStamp(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text);
  if (match === null) return undefined;
  const stampMs = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}Z`);
  return Number.isNaN(stampMs) ? undefined : stampMs;
}

const compressedSuffix = '.gz';
const unfinishedSuffix = '.gz.tmp';

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
  /** Ends the compression of a file, which begins anew next time. */
  readonly signal: AbortSignal;
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
  const found = await listBackups(path);
  for (const { file, state } of found) if (state === 'unfinished') await fs.rm(file, { force: true });
  const backups = found.filter(({ state }) => state !== 'unfinished');
  const stamps = [...new Set(backups.map(({ stampMs }) => stampMs))];
  const tooOld = options.maxBackups > 0 ? new Set(stamps.slice(options.maxBackups)) : new Set<number>();
  for (const { file, stampMs, state } of backups) {
    if (tooOld.has(stampMs)) await fs.rm(file, { force: true });
    else if (options.compress && state === 'plain') await compress(file, options);
  }
}

interface Backup {
  readonly file: string;
  readonly stampMs: number;
  readonly state: 'plain' | 'compressed' | 'unfinished';
}

/** Latest first. */
async function listBackups(path: string): Promise<Backup[]> {
  const folder = dirname(path);
  const { prefix, extension } = nameParts(path);
  const stateBySuffix: Partial<Record<string, Backup['state']>> = {
    [extension]: 'plain',
    [`${extension}${compressedSuffix}`]: 'compressed',
    [`${extension}${unfinishedSuffix}`]: 'unfinished',
  };
  const backups: Backup[] = [];
  for (const name of await fs.readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const stampEnd = prefix.length + stampLength;
    const state = stateBySuffix[name.slice(stampEnd)];
    const stampMs = parseStamp(name.slice(prefix.length, stampEnd));
    if (stampMs !== undefined && state !== undefined) backups.push({ file: join(folder, name), stampMs, state });
  }
  return backups.sort((left, right) => right.stampMs - left.stampMs);
}

async function compress(file: string, { mode, signal }: BackupOptions): Promise<void> {
  const unfinished = `${file}${unfinishedSuffix}`;
  try {
    const target = createWriteStream(unfinished, { mode, flush: true });
    await pipeline(createReadStream(file), createGzip(), target, { signal });
    /* What the process masks from new files is meant for others. */
    await fs.chmod(unfinished, mode);
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

const stampLength = '2026-11-20T09-55-18.000'.length;
const compressedSuffix = '.gz';
const unfinishedSuffix = '.gz.tmp';

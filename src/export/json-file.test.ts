import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type JsonFileOptions, openJsonFile } from './json-file.ts';
import type { JsonSink } from './json-sink.ts';
import { jsonLossLine } from './loss-line.ts';

const root = mkdtempSync(join(tmpdir(), 'jatai-file-'));
const mounted: string[] = [];
afterEach(() => {
  for (const path of mounted.splice(0)) execFileSync('umount', ['-l', path]);
});
afterAll(() => rmSync(root, { recursive: true }));
const isRoot = process.getuid?.() === 0;

describe('a file of JSON lines', () => {
  test('only its owner can read it; later runs append', async () => {
    const path = join(folder(), 'events.json');
    for (const text of ['first', 'second']) await writeAll(await openJsonFile(path), [text]);
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('has the permissions asked for, whatever the umask', async () => {
    const path = join(folder(), 'events.json');
    const before = process.umask(0o077);
    await writeAll(await openJsonFile(path, { file: { mode: 0o644 } }), ['x']);
    process.umask(before);
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });

  test('refuses to open in a folder that does not exist', async () => {
    await expect(openJsonFile(join(folder(), 'missing', 'events.json'))).rejects.toThrow('ENOENT');
  });

  test('ends the line that a killed program left unfinished', async () => {
    const path = join(folder(), 'events.json');
    writeFileSync(path, '{"whole":1}\n{"torn":');
    await writeAll(await openJsonFile(path), ['{"next":1}']);
    expect(readFileSync(path, 'utf8')).toBe('{"whole":1}\n{"torn":\n{"next":1}\n');
  });

  test('counts what it wrote', async () => {
    const sink = await openJsonFile(join(folder(), 'events.json'));
    const lines = numbered(5000);
    await writeAll(sink, lines);
    expect(sink.output.counters()).toMatchObject({
      writtenLines: 5000,
      writtenBytes: lines.join('\n').length + 1,
      waitingBytes: 0,
    });
  });
});

describe('a file that changes under its writer', () => {
  test('moved away: what follows goes to a new file of the name', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path);
    await write(sink, ['before']);
    renameSync(path, `${path}.1`);
    await sleep(300);
    await writeAll(sink, ['after']);
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('before\n');
    expect(readFileSync(path, 'utf8')).toBe('after\n');
  });

  test('moved away and opened again at once on request', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path);
    await write(sink, ['before']);
    renameSync(path, `${path}.1`);
    sink.output.reopen();
    await writeAll(sink, ['after']);
    expect(readFileSync(path, 'utf8')).toBe('after\n');
    expect(sink.output.counters().droppedLines.file_deleted).toBe(0);
  });

  test('deleted: lines written into it since it was last seen are counted as lost, and told', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path, { output: { lossLine: jsonLossLine('node-1') } });
    await write(sink, ['before']);
    await sleep(300);
    await write(sink, ['seen']);
    rmSync(path);
    await write(sink, ['lost', 'lost too']);
    await sleep(300);
    await writeAll(sink, ['after']);
    const lines = readLines(path);
    expect(lines[0]).toBe('after');
    const { droppedLines } = sink.output.counters();
    expect(droppedLines.file_deleted).toBe(3);
    expect(JSON.parse(lines[1]!).rate_limit_info.number_of_dropped_process_events).toBe('3');
  });

  test('what a lost line told of is told again', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path, { output: { lossLine: jsonLossLine('node-1') } });
    await write(sink, ['before']);
    await sleep(300);
    await write(sink, ['seen']);
    rmSync(path);
    sink.output.appendNotice(jsonLossLine('node-1')(20), 20);
    await write(sink, ['lost too']);
    await sleep(300);
    await writeAll(sink, ['after']);
    expect(sink.output.counters().droppedLines.file_deleted).toBe(2);
    const told = JSON.parse(readLines(path)[1]!).rate_limit_info.number_of_dropped_process_events;
    expect(told).toBe('22');
  });

  test('deleted just before the end: what was in it is counted', async () => {
    const path = join(folder(), 'events.json');
    const messages: string[] = [];
    const sink = await openJsonFile(path, { output: { report: (message) => messages.push(message) } });
    await write(sink, ['lost', 'lost too']);
    rmSync(path);
    await writeAll(sink, []);
    expect(sink.output.counters().droppedLines.file_deleted).toBe(2);
    expect(messages).toEqual([`${path}: 2 events were lost`]);
  });

  test('emptied in place: no hole', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path);
    await write(sink, ['before']);
    truncateSync(path);
    await writeAll(sink, ['after']);
    expect(readFileSync(path, 'utf8')).toBe('after\n');
  });
});

describe('rotation', () => {
  test('by size: files of whole lines below the limit, the latest backups kept', async () => {
    const path = join(folder(), 'events.log');
    const sink = await openJsonFile(path, { file: { maxBytes: 10_000, maxBackups: 2 }, output: { batchBytes: 3000 } });
    const lines = numbered(8000);
    await writeAll(sink, lines);
    const kept = [...backupsOf(path), path].map((file) => readFileSync(file, 'utf8'));
    expect(kept).toHaveLength(3);
    for (const text of kept) expect(text.length).toBeLessThanOrEqual(10_000);
    const all = kept.join('');
    expect(all).toBe(`${lines.slice(-(all.split('\n').length - 1)).join('\n')}\n`);
    expect(all.length).toBeGreaterThan(20_000);
  });

  test('keeps all with 0 and compresses; nothing is lost', async () => {
    const path = join(folder(), 'events.log');
    const file = { maxBytes: 20_000, maxBackups: 0, compress: true, mode: 0o640 };
    const sink = await openJsonFile(path, { file, output: { batchBytes: 3000 } });
    const lines = numbered(8000);
    const before = process.umask(0o077);
    await writeAll(sink, lines);
    process.umask(before);
    const backups = backupsOf(path);
    expect(backups.length).toBeGreaterThan(3);
    expect(backups.every((name) => /-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log\.gz$/.test(name))).toBe(true);
    expect(statSync(backups[0]!).mode & 0o777).toBe(0o640);
    const text = backups.map((name) => gunzipSync(readFileSync(name)).toString()).join('') + readFileSync(path, 'utf8');
    expect(text).toBe(`${lines.join('\n')}\n`);
  });

  test('through a link: it stays, and what it leads to is put aside there', async () => {
    const place = join(folder(), 'real.log');
    const path = join(folder(), 'events.log');
    symlinkSync(place, path);
    const options = { file: { maxBytes: 100, maxBackups: 1, compress: true }, output: { batchBytes: 1 } };
    await writeAll(await openJsonFile(path, options), ['a'.repeat(80), 'b'.repeat(80), 'c'.repeat(80)]);
    expect(readlinkSync(path)).toBe(place);
    expect(readLines(place)).toEqual(['c'.repeat(80)]);
    const [backup, ...others] = backupsOf(place);
    expect(others).toEqual([]);
    expect(gunzipSync(readFileSync(backup!)).toString()).toBe(`${'b'.repeat(80)}\n`);
  });

  test('not of a file that was handed over, as /dev/stdout may be', async () => {
    const path = join(folder(), 'redirected.log');
    const descriptor = openSync(path, 'a');
    const link = join(folder(), 'stdout');
    symlinkSync(`/proc/self/fd/${descriptor}`, link);
    const messages: string[] = [];
    for (const name of [link, `/dev/fd/${descriptor}`])
      await writeAll(await openJsonFile(name, fileOptions(messages, { maxBytes: 100, compress: true })), numbered(100));
    closeSync(descriptor);
    expect(readLines(path)).toEqual([...numbered(100), ...numbered(100)]);
    expect(readlinkSync(link)).toBe(`/proc/self/fd/${descriptor}`);
    expect(messages[0]).toBe(
      `${link}: cannot rotate (it is the name of an open file); the file grows beyond its limit`,
    );
  });

  test('by time, without new events, but never an empty file', async () => {
    const path = join(folder(), 'events.log');
    const sink = await openJsonFile(path, { file: { intervalMs: 50 } });
    await write(sink, ['one']);
    await until(() => backupsOf(path).length === 1);
    await sleep(200);
    expect(backupsOf(path)).toHaveLength(1);
    await writeAll(sink, ['two']);
    expect([...backupsOf(path), path].map((file) => readFileSync(file, 'utf8')).join('')).toBe('one\ntwo\n');
  });

  test('names rise also when the clock is set back', async () => {
    const path = join(folder(), 'events.log');
    const future = path.replace('.log', '-2099-01-01T00-00-00.000.log');
    writeFileSync(future, 'from the future\n');
    const sink = await openJsonFile(path, { file: { maxBytes: 100, maxBackups: 2 }, output: { batchBytes: 1 } });
    await writeAll(sink, ['a'.repeat(80), 'b'.repeat(80)]);
    expect(backupsOf(path)).toEqual([future, future.replace('.000.log', '.001.log')]);
  });

  test('a compression that was cut off is done again', async () => {
    const path = join(folder(), 'events.log');
    const backup = path.replace('.log', '-2026-01-01T00-00-00.000.log');
    writeFileSync(backup, 'whole\n');
    writeFileSync(`${backup}.gz.tmp`, 'half');
    writeFileSync(path.replace('.log', '-unrelated.log'), 'not ours\n');
    /* Another output of this folder is compressing it. */
    writeFileSync(path.replace('.log', '-other-2026-01-01T00-00-00.000.log.gz.tmp'), 'not ours\n');
    await writeAll(await openJsonFile(path, { file: { maxBytes: 100, compress: true } }), ['x']);
    expect(readdirSync(join(path, '..')).sort()).toEqual([
      'events-2026-01-01T00-00-00.000.log.gz',
      'events-other-2026-01-01T00-00-00.000.log.gz.tmp',
      'events-unrelated.log',
      'events.log',
    ]);
    expect(gunzipSync(readFileSync(`${backup}.gz`)).toString()).toBe('whole\n');
  });

  test('a backup that takes long to compress does not delay the end', async () => {
    const path = join(folder(), 'events.log');
    const backup = path.replace('.log', '-2026-01-01T00-00-00.000.log');
    writeFileSync(backup, randomText(80_000_000));
    const messages: string[] = [];
    const sink = await openJsonFile(path, fileOptions(messages, { maxBytes: 1e9, compress: true }));
    await writeAll(sink, ['x']);
    expect(readdirSync(join(path, '..')).sort()).toEqual(['events-2026-01-01T00-00-00.000.log', 'events.log']);
    expect(messages).toEqual([]);
  });

  test('a folder that became read-only: goes on in the same file and says so', async ({ skip }) => {
    if (!isRoot) skip('needs root to mount a tmpfs');
    const path = join(tmpfs('1m'), 'events.log');
    const messages: string[] = [];
    const options = fileOptions(messages, { maxBytes: 1000 });
    const sink = await openJsonFile(path, options);
    await write(sink, ['x'.repeat(900)]);
    execFileSync('chattr', ['+a', join(path, '..')], { stdio: 'ignore' });
    await write(sink, ['y'.repeat(900)]);
    execFileSync('chattr', ['-a', join(path, '..')], { stdio: 'ignore' });
    await writeAll(sink, ['z']);
    expect(readLines(path).map((line) => line.length)).toEqual([900, 900, 1]);
    expect(messages[0]).toMatch(/cannot rotate \((EPERM|EACCES)\); the file grows beyond its limit/);
  });
});

describe('places that take nothing', () => {
  test('a full disk: the events are kept up to the limit, the gap is told when there is room again', async ({
    skip,
  }) => {
    if (!isRoot) skip('needs root to mount a tmpfs');
    const mount = tmpfs('1m');
    const path = join(mount, 'events.json');
    writeFileSync(join(mount, 'ballast'), Buffer.alloc(900_000));
    const messages: string[] = [];
    const sink = await openJsonFile(path, {
      ...fileOptions(messages, {}),
      output: {
        maxBytes: 200_000,
        batchBytes: 10_000,
        lossLine: jsonLossLine('node-1'),
        report: (text) => messages.push(text),
      },
    });
    const line = `${'x'.repeat(499)}\n`;
    for (let batch = 0; batch < 20; batch++) {
      await write(
        sink,
        Array.from({ length: 100 }, () => line.trimEnd()),
        { wait: false },
      );
      await sleep(5);
    }
    await until(() => messages.length > 0);
    expect(statfsSync(mount).bavail).toBe(0);
    const during = sink.output.counters();
    expect(during.droppedLines.buffer_full).toBeGreaterThan(1000);
    expect(during.waitingBytes).toBeLessThanOrEqual(200_000);
    expect(messages[0]).toMatch(/cannot write \(ENOSPC\); up to 200000 bytes of events are kept for a retry/);
    rmSync(join(mount, 'ballast'));
    await until(() => sink.output.counters().waitingBytes === 0);
    await writeAll(sink, ['the end']);
    const lines = readLines(path);
    const told = lines.filter((text) => text.startsWith('{"rate_limit_info"'));
    expect(told).toHaveLength(1);
    expect(lines.at(-1)).toBe('the end');
    const missing = Number(JSON.parse(told[0]!).rate_limit_info.number_of_dropped_process_events);
    expect(lines.filter((text) => text.length === 499).length + missing).toBe(2000);
    expect(messages.slice(1)).toEqual([
      `${path}: the buffer of 200000 bytes is full; events are dropped`,
      `${path}: writing works again`,
      `${path}: ${missing} events were lost`,
    ]);
  });

  test('a disk that is full at the start and until the end: no torn line stays', async ({ skip }) => {
    if (!isRoot) skip('needs root to mount a tmpfs');
    const mount = tmpfs('64k');
    const path = join(mount, 'events.json');
    const sink = await openJsonFile(path, { output: { closeTimeoutMs: 50 } });
    await write(
      sink,
      Array.from({ length: 300 }, () => 'x'.repeat(500)),
      { wait: false },
    );
    sink.close();
    await sink.output.finished;
    const lines = readLines(path);
    expect(lines.every((line) => line.length === 500)).toBe(true);
    const { writtenLines, droppedLines } = sink.output.counters();
    expect(writtenLines).toBe(lines.length);
    expect(writtenLines + droppedLines.closed).toBe(300);
  });

  test('a disk too full to compress: the backups stay as they are', async ({ skip }) => {
    if (!isRoot) skip('needs root to mount a tmpfs');
    const mount = tmpfs('256k');
    const path = join(mount, 'events.log');
    const messages: string[] = [];
    writeFileSync(join(mount, 'events-2026-01-01T00-00-00.000.log'), randomText(200_000));
    const sink = await openJsonFile(path, fileOptions(messages, { maxBytes: 1_000_000, compress: true }));
    await until(() => messages.length > 0);
    await writeAll(sink, ['x']);
    expect(messages[0]).toMatch(/cannot delete or compress older files \(ENOSPC\)/);
    expect(readdirSync(mount).sort()).toEqual(['events-2026-01-01T00-00-00.000.log', 'events.log']);
  });

  test('a folder where no file can be made: goes on when that works again', async ({ skip }) => {
    if (!isRoot) skip('needs root to mount a tmpfs');
    const mount = tmpfs('1m');
    const path = join(mount, 'events.json');
    const sink = await openJsonFile(path);
    await write(sink, ['before']);
    renameSync(path, `${path}.1`);
    execFileSync('chattr', ['+i', mount]);
    sink.output.reopen();
    await write(sink, ['meanwhile'], { wait: false });
    await until(() => sink.output.counters().failures > 0);
    execFileSync('chattr', ['-i', mount]);
    await writeAll(sink, ['after']);
    expect(readLines(`${path}.1`)).toEqual(['before']);
    expect(readLines(path)).toEqual(['meanwhile', 'after']);
  });

  test('a named pipe: waits for a reader, and for the next one when it leaves', async () => {
    const path = join(folder(), 'pipe');
    execFileSync('mkfifo', [path]);
    const sink = await openJsonFile(path);
    await write(sink, ['kept for the first reader'], { wait: false });
    await sleep(50);
    expect(sink.output.counters()).toMatchObject({ writtenLines: 0 });
    expect(await readLine(path)).toBe('kept for the first reader');
    await write(sink, ['kept for the second reader'], { wait: false });
    expect(await readLine(path)).toBe('kept for the second reader');
    sink.close();
    await sink.output.finished;
    expect(sink.output.counters().writtenLines).toBe(2);
  }, 10_000);
});

describe('a rate limit', () => {
  test('lets that many pass a minute and says how many it kept back', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path, { sink: { ratePerMinute: 10, lossLine: jsonLossLine('node-1') } });
    await writeAll(sink, numbered(25));
    const lines = readLines(path);
    expect(lines.slice(0, 10)).toEqual(numbered(10));
    expect(JSON.parse(lines[10]!).rate_limit_info.number_of_dropped_process_events).toBe('15');
    expect(sink.rateLimited).toBe(15);
  });

  test('0 writes nothing', async () => {
    const path = join(folder(), 'events.json');
    const sink = await openJsonFile(path, { sink: { ratePerMinute: 0 } });
    await writeAll(sink, numbered(25));
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});

let folders = 0;
function folder(): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
}

function tmpfs(size: string): string {
  const path = folder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  mounted.push(path);
  return path;
}

function fileOptions(messages: string[], file: JsonFileOptions['file']): JsonFileOptions {
  const report = (text: string): void => {
    messages.push(text);
  };
  return { file: { ...file, report }, output: { batchBytes: 500 } };
}

/** Writes lines and waits until they are in the file. */
async function write(sink: JsonSink, lines: readonly string[], options = { wait: true }): Promise<void> {
  for (const text of lines) {
    const line = Buffer.from(`${text}\n`);
    sink.write(line, 0, line.length);
  }
  sink.flush();
  if (options.wait) await until(() => sink.output.counters().waitingBytes === 0);
}

async function writeAll(sink: JsonSink, lines: readonly string[]): Promise<void> {
  await write(sink, lines, { wait: false });
  sink.close();
  sink.close();
  await sink.output.finished;
}

async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (holds()) return;
    await sleep(5);
  }
  throw new Error('it does not come true');
}

async function readLine(path: string): Promise<string> {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const chunk = Buffer.alloc(1000);
  let text = '';
  while (!text.endsWith('\n')) {
    try {
      text += chunk.toString('utf8', 0, readSync(reader, chunk));
    } catch {
      // Nothing there yet.
    }
    await sleep(5);
  }
  closeSync(reader);
  return text.trimEnd();
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `{"line":${index}}`);
}

function readLines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}

/** Oldest first. */
function backupsOf(path: string): string[] {
  const base = path.slice(path.lastIndexOf('/') + 1, -'.log'.length);
  return readdirSync(join(path, '..'))
    .filter((name) => name.startsWith(`${base}-`))
    .sort()
    .map((name) => join(path, '..', name));
}

function randomText(size: number): string {
  let text = '';
  for (let seed = 1; text.length < size; seed = (seed * 48271) % 2147483647) text += seed.toString(36);
  return text.slice(0, size);
}

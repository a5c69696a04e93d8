import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BufferedOutput } from './buffered-output.ts';
import { openJsonFile } from './json-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-output-'));
afterAll(() => rmSync(folder, { recursive: true }));

function appendText(output: { append(line: Buffer, start: number, end: number): void }, text: string): void {
  const line = Buffer.from(`xx${text}\nyy`);
  output.append(line, 2, line.length - 2);
}

describe('openJsonFile', () => {
  test('makes a file only its owner can read, appends and flushes on close', () => {
    const path = join(folder, 'events.json');
    for (const text of ['first', 'second']) {
      const sink = openJsonFile(path);
      const line = Buffer.from(`${text}\n`);
      sink.write(line, 0, line.length);
      sink.close();
      sink.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('throws when the folder does not exist', () => {
    expect(() => openJsonFile(join(folder, 'missing', 'events.json'))).toThrow('ENOENT');
  });
});

describe('BufferedOutput', () => {
  test('writes in batches', () => {
    const path = join(folder, 'batches');
    const output = new BufferedOutput(openSync(path, 'a'), path, true, { batchBytes: 100 });
    appendText(output, 'a'.repeat(50));
    expect(statSync(path).size).toBe(0);
    appendText(output, 'b'.repeat(50));
    expect(statSync(path).size).toBe(102);
    appendText(output, 'c'.repeat(1000));
    appendText(output, 'd');
    output.flush();
    expect(
      readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.length),
    ).toEqual([50, 50, 1000, 1, 0]);
    expect(output.counters()).toEqual({ writtenBytes: 1105, failures: 0, droppedLines: 0 });
    output.close();
  });

  test('a full disk: keeps what fits the limit, counts the rest, says so once', () => {
    const messages: string[] = [];
    const output = new BufferedOutput(openSync('/dev/full', 'w'), 'full', true, {
      batchBytes: 10,
      maxBytes: 100,
      closeTimeoutMs: 20,
      report: (message) => messages.push(message),
    });
    for (let line = 0; line < 30; line++) appendText(output, '123456789');
    expect(output.counters()).toMatchObject({ writtenBytes: 0, failures: 1, droppedLines: 20 });
    output.close();
    expect(output.counters().droppedLines).toBe(30);
    expect(messages).toEqual([
      'full: cannot write (ENOSPC); up to 100 bytes of events are kept for a retry',
      'full: 30 events were lost',
    ]);
  });

  test('a slow reader of a pipe gets every line, in order', () => {
    const path = fifo('slow');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const output = new BufferedOutput(writer, 'pipe', true, { batchBytes: 1000 });
    let received = '';
    const read = (): void => {
      const chunk = Buffer.alloc(100_000);
      received += chunk.toString('latin1', 0, readSync(reader, chunk));
    };
    for (let line = 0; line < 50_000; line++) appendText(output, `line ${line}`);
    expect(output.counters().writtenBytes).toBeLessThan(100_000);
    while (output.counters().writtenBytes < expectedText.length) {
      read();
      output.flush();
    }
    read();
    expect(received).toBe(expectedText);
    expect(output.counters()).toMatchObject({ failures: 0, droppedLines: 0 });
    output.close();
    closeSync(reader);
  });

  test('tries again by itself when no more events come', async () => {
    const path = fifo('retry');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = new BufferedOutput(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK), 'pipe', true);
    appendText(output, 'z'.repeat(200_000));
    output.flush();
    let size = 0;
    const deadline = Date.now() + 5000;
    while (size < 200_001 && Date.now() < deadline) {
      try {
        size += readSync(reader, Buffer.alloc(100_000));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    expect(size).toBe(200_001);
    output.close();
    closeSync(reader);
  });

  test('a reader that is gone: drops, counts, stays usable', () => {
    const path = fifo('gone');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const messages: string[] = [];
    const output = new BufferedOutput(openSync(path, 'w'), 'pipe', true, { report: (text) => messages.push(text) });
    appendText(output, 'one');
    appendText(output, 'two');
    closeSync(reader);
    output.flush();
    appendText(output, 'three');
    expect(output.broken).toBe('EPIPE');
    expect(output.counters()).toEqual({ writtenBytes: 0, failures: 1, droppedLines: 3 });
    expect(messages[0]).toBe('pipe: the reader is gone; events are dropped');
    output.close();
  });

  test('standard output of a real process into a slow pipe loses nothing', async () => {
    const program = `
      import { stdoutOutput } from ${JSON.stringify(new URL('stdout.ts', import.meta.url).href)};
      const output = stdoutOutput({ closeTimeoutMs: 10_000 });
      for (let line = 0; line < 50_000; line++) {
        const bytes = Buffer.from('line ' + line + '\\n');
        output.append(bytes, 0, bytes.length);
      }
      output.close();
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let received = '';
    for await (const chunk of child.stdout) {
      received += chunk;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(received).toBe(expectedText);
  });
});

const expectedText = Array.from({ length: 50_000 }, (_, line) => `line ${line}\n`).join('');

function fifo(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

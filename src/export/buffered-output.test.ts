import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BufferedOutput, type OutputOptions } from './buffered-output.ts';
import { NonBlockingDevice } from './nonblocking-device.ts';
import type { OutputDevice } from './output-device.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-output-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('BufferedOutput', () => {
  test('writes in batches', () => {
    const { device, written } = memoryDevice();
    const output = new BufferedOutput(device, { batchBytes: 100 });
    appendText(output, 'a'.repeat(50));
    expect(written()).toBe('');
    appendText(output, 'b'.repeat(50));
    expect(written()).toHaveLength(102);
    appendText(output, 'c'.repeat(1000));
    appendText(output, 'd');
    output.flush();
    expect(
      written()
        .split('\n')
        .map((line) => line.length),
    ).toEqual([50, 50, 1000, 1, 0]);
    expect(output.counters()).toMatchObject({ writtenBytes: 1105, writtenLines: 4, failures: 0, waitingBytes: 0 });
  });

  test('a full disk: keeps what fits the limit, counts the rest, says so once', async () => {
    const messages: string[] = [];
    const output = new BufferedOutput(new NonBlockingDevice(openSync('/dev/full', 'w'), 'full'), {
      batchBytes: 10,
      maxBytes: 100,
      closeTimeoutMs: 20,
      report: (message) => messages.push(message),
    });
    for (let line = 0; line < 30; line++) appendText(output, '123456789');
    expect(output.counters()).toMatchObject({ writtenBytes: 0, failures: 1, droppedLines: { buffer_full: 20 } });
    output.close();
    await output.finished;
    expect(output.counters().droppedLines).toMatchObject({ buffer_full: 20, closed: 10 });
    expect(messages).toEqual([
      'full: cannot write (ENOSPC); up to 100 bytes of events are kept for a retry',
      'full: the buffer of 100 bytes is full; events are dropped',
      'full: 20 events were lost',
      'full: 10 events were lost',
    ]);
  });

  test('lines that tell of missing events are no events when they cannot be written', async () => {
    const output = new BufferedOutput(new NonBlockingDevice(openSync('/dev/full', 'w'), 'full'), {
      closeTimeoutMs: 20,
    });
    appendText(output, 'one');
    output.appendNotice(lossLine(5), 5);
    appendText(output, 'two');
    output.close();
    await output.finished;
    expect(output.counters()).toMatchObject({ writtenLines: 0, notices: 0, droppedLines: { closed: 2 } });
  });

  test('a write that hangs keeps nobody from the end, which says what is lost', async () => {
    const messages: string[] = [];
    const device: OutputDevice = {
      name: 'hung',
      survivesReaders: true,
      write: () => new Promise(() => {}),
      close: () => {},
    };
    const output = new BufferedOutput(device, { closeTimeoutMs: 1, report: (message) => messages.push(message) });
    appendText(output, 'one');
    output.appendNotice(lossLine(5), 5);
    output.close();
    await output.finished;
    expect(messages).toEqual(['hung: a write hangs; 1 events are lost']);
  });

  test('the reader learns at the place of the gap how many lines are missing', () => {
    const { device, written, limit } = memoryDevice();
    const output = new BufferedOutput(device, { batchBytes: 1000, maxBytes: 100, lossLine });
    limit(0);
    for (let line = 0; line < 30; line++) appendText(output, `line ${String(line).padStart(4, '0')}`);
    limit(Number.POSITIVE_INFINITY);
    output.close();
    const lines = written().trimEnd().split('\n');
    expect(lines.slice(0, 10)).toEqual(
      Array.from({ length: 10 }, (_, line) => `line ${String(line).padStart(4, '0')}`),
    );
    expect(lines[10]).toBe('lost 20');
    const { writtenLines, notices, droppedLines } = output.counters();
    expect(writtenLines - notices + droppedLines.buffer_full).toBe(30);
  });

  test('one gap is told once, when half of the buffer is free again', () => {
    const { device, written, limit } = memoryDevice();
    const output = new BufferedOutput(device, { batchBytes: 20, maxBytes: 100, lossLine });
    limit(0);
    for (let line = 0; line < 13; line++) appendText(output, 'waits....');
    limit(30);
    output.close();
    expect(written()).toBe('waits....\n'.repeat(3));
  });

  test('an output that works in parts loses nothing', async () => {
    const { device, written } = memoryDevice({ async: true, most: 7 });
    const output = new BufferedOutput(device, { batchBytes: 64 });
    for (let line = 0; line < 200; line++) appendText(output, `line ${line}`);
    output.close();
    await output.finished;
    expect(written()).toBe(Array.from({ length: 200 }, (_, line) => `line ${line}\n`).join(''));
    expect(output.counters().writtenLines).toBe(200);
  });

  test('says that it is behind only while it is writing', async () => {
    let finish = (): void => {};
    const device: OutputDevice = {
      name: 'slow',
      survivesReaders: false,
      write: ([part]) => new Promise((resolve) => (finish = () => resolve(part!.end - part!.start))),
      close: () => {},
    };
    const output = new BufferedOutput(device, { batchBytes: 100, maxBytes: 1000 });
    expect(output.isBehind()).toBe(false);
    for (let line = 0; line < 20; line++) appendText(output, 'x'.repeat(19));
    expect(output.isBehind()).toBe(true);
    while (output.counters().waitingBytes > 0) {
      finish();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(output.isBehind()).toBe(false);
    const { device: stuck, limit } = memoryDevice();
    limit(0);
    const blocked = new BufferedOutput(stuck, { batchBytes: 100, maxBytes: 1000 });
    for (let line = 0; line < 20; line++) appendText(blocked, 'x'.repeat(19));
    expect(blocked.isBehind()).toBe(false);
  });

  test('a line that was begun in a place that is gone begins anew', () => {
    const { device, written, limit } = memoryDevice();
    const output = new BufferedOutput(device, { batchBytes: 1 });
    limit(4);
    appendText(output, 'abcdefgh');
    expect(written()).toBe('abcd');
    device.onReplaced?.();
    limit(Number.POSITIVE_INFINITY);
    output.close();
    expect(written()).toBe('abcdabcdefgh\n');
  });

  test('a slow reader of a pipe gets every line, in order', async () => {
    const path = fifo('slow');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = pipeOutput(path, { batchBytes: 1000, closeTimeoutMs: 20_000 });
    for (let line = 0; line < 50_000; line++) appendText(output, `line ${line}`);
    expect(output.counters().writtenBytes).toBeLessThan(100_000);
    output.close();
    let received = '';
    while (received.length < expectedText.length) {
      received += await readSome(reader);
    }
    await output.finished;
    expect(received).toBe(expectedText);
    expect(output.counters()).toMatchObject({ writtenLines: 50_000, failures: 0 });
    closeSync(reader);
  });

  test('tries again by itself when no more events come', async () => {
    const path = fifo('retry');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const output = pipeOutput(path);
    appendText(output, 'z'.repeat(200_000));
    output.flush();
    let size = 0;
    while (size < 200_001) size += (await readSome(reader)).length;
    expect(size).toBe(200_001);
    output.close();
    closeSync(reader);
  });

  test('a pipe that nobody reads delays no other output', async () => {
    const path = fifo('never-read');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stuck = pipeOutput(path, { maxBytes: 1_000_000, closeTimeoutMs: 50 });
    const { device, written } = memoryDevice();
    const other = new BufferedOutput(device);
    for (let line = 0; line < 5000; line++) {
      appendText(stuck, 'x'.repeat(500));
      appendText(other, 'x'.repeat(500));
    }
    stuck.close();
    other.close();
    await Promise.all([stuck.finished, other.finished]);
    expect(written()).toHaveLength(5000 * 501);
    const { writtenLines, droppedLines } = stuck.counters();
    expect(droppedLines.buffer_full).toBeGreaterThan(2000);
    expect(writtenLines + droppedLines.buffer_full + droppedLines.closed).toBe(5000);
    closeSync(reader);
  });

  test('a reader that is gone: drops, counts, stays usable', async () => {
    const path = fifo('gone');
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const messages: string[] = [];
    const output = pipeOutput(path, { report: (text) => messages.push(text) });
    appendText(output, 'one');
    appendText(output, 'two');
    closeSync(reader);
    output.flush();
    appendText(output, 'three');
    expect(output.broken).toBe('EPIPE');
    expect(output.counters()).toMatchObject({ writtenBytes: 0, failures: 1, droppedLines: { reader_gone: 3 } });
    expect(messages[0]).toBe('pipe: the reader is gone; events are dropped');
    output.close();
    await output.finished;
  });

  for (const stdio of ['pipe', 'socket'] as const) {
    test(`standard output of a real process into a slow ${stdio} loses nothing and never waits`, async () => {
      const program = `
        import { stdoutOutput } from ${JSON.stringify(new URL('stdout.ts', import.meta.url).href)};
        const output = stdoutOutput({ closeTimeoutMs: 10_000 });
        for (let line = 0; line < 50_000; line++) {
          const bytes = Buffer.from('line ' + line + '\\n');
          output.append(bytes, 0, bytes.length);
        }
        process.stderr.write(output.counters().waitingBytes > 0 ? 'went on' : 'waited');
        output.close();
      `;
      /* Node.js gives its children sockets where it says pipes. */
      const path = fifo(`stdout-${stdio}`);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writer = openSync(path, 'w');
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', stdio === 'pipe' ? writer : 'pipe', 'pipe'],
      });
      closeSync(writer);
      const ended = new Promise((resolve) => child.on('exit', resolve));
      let messages = '';
      child.stderr!.on('data', (text) => {
        messages += text;
      });
      let received = '';
      const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
      if (stdio === 'pipe') {
        while (received.length < expectedText.length) {
          received += await readSome(reader);
          await pause();
        }
      } else {
        for await (const chunk of child.stdout!) {
          received += chunk;
          await pause();
        }
      }
      await ended;
      expect(received).toBe(expectedText);
      expect(messages).toBe('went on');
      closeSync(reader);
    });
  }
});

const lossLine = (dropped: number): Buffer => Buffer.from(`lost ${dropped}\n`);

const expectedText = Array.from({ length: 50_000 }, (_, line) => `line ${line}\n`).join('');

function appendText(output: BufferedOutput, text: string): void {
  const line = Buffer.from(`xx${text}\nyy`);
  output.append(line, 2, line.length - 2);
}

/** Keeps what is written; takes at most `most` bytes at once and as many in all as `limit` allows. */
function memoryDevice(options: { async?: boolean; most?: number } = {}) {
  let text = '';
  let room = Number.POSITIVE_INFINITY;
  const take = (bytes: Buffer, start: number, end: number): number => {
    const size = Math.min(end - start, room, options.most ?? Number.POSITIVE_INFINITY);
    text += bytes.toString('utf8', start, start + size);
    room -= size;
    return size;
  };
  const device: OutputDevice = {
    name: 'memory',
    survivesReaders: false,
    write: ([{ bytes, start, end } = { bytes: Buffer.alloc(0), start: 0, end: 0 }]) =>
      options.async === true
        ? new Promise((resolve) => setImmediate(() => resolve(take(bytes, start, end))))
        : take(bytes, start, end),
    close: () => {},
  };
  return { device, written: () => text, limit: (bytes: number) => (room = bytes) };
}

function pipeOutput(path: string, options?: OutputOptions): BufferedOutput {
  const writer = openSync(path, 'w');
  const device = new NonBlockingDevice(writer, 'pipe');
  closeSync(writer);
  return new BufferedOutput(device, options);
}

async function readSome(reader: number): Promise<string> {
  const chunk = Buffer.alloc(100_000);
  for (;;) {
    try {
      return chunk.toString('latin1', 0, readSync(reader, chunk));
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

function fifo(name: string): string {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  return path;
}

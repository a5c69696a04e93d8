import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LineAggregationOptions, LineAggregator } from './line-aggregator.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const limits: LineAggregationOptions = { windowMs: 15_000, maxEvents: 100 };

class Reader {
  readonly lines: string[] = [];
  readonly aggregator: LineAggregator;
  /** Bytes in front of the next line. */
  #before = 0;

  constructor(options: Partial<LineAggregationOptions> = {}) {
    this.aggregator = new LineAggregator({ ...limits, ...options }, (line, start, end) => {
      this.lines.push(line.toString('utf8', start, end));
    });
  }

  /** Hands a line over in the middle of a larger buffer, as the encoder does. */
  add(...lines: string[]): this {
    for (const line of lines) {
      const bytes = Buffer.from(`${' '.repeat(this.#before)}${line}\ny`);
      this.aggregator.add(bytes, this.#before, bytes.length - 1);
      this.#before = (this.#before + 1) % 6;
    }
    return this;
  }

  /** What was handed on since the last time: each as what it is, of which process, and its count. */
  take(): string[] {
    return this.lines.splice(0).map((line) => {
      const event = JSON.parse(line) as Record<string, { process: { pid: number }; path?: string }> & {
        aggregation_info?: { count: string };
      };
      const type = Object.keys(event)[0]!;
      const count = event.aggregation_info === undefined ? '' : ` x${event.aggregation_info.count}`;
      return `${type} ${event[type]!.process.pid} ${event[type]!.path ?? ''}${count}`.trim();
    });
  }
}

let second = 0;
function event(type: string, pid: number, path?: string): string {
  const time = `2026-11-20T05:07:${String(second++ % 60).padStart(2, '0')}.5Z`;
  const process = { exec_id: `id${pid}`, pid, start_time: '2026-11-20T05:00:00Z' };
  const parent = { exec_id: 'id1', pid: 1, start_time: '2026-11-20T04:00:00Z' };
  return JSON.stringify({ [type]: { process, parent, path }, node_name: 'n', time });
}
const call = (pid: number, path: string): string => event('process_lsm', pid, path);

describe('equal calls', () => {
  test('are read up to their end: behind it the buffer has what is left of longer lines', () => {
    const reader = new Reader();
    const line = Buffer.from(`${call(7, '/a')}\n`);
    const rest = Buffer.from(',"time":"2026-11-20T05:00:00Z"}\n');
    reader.aggregator.add(Buffer.concat([line, rest]), 0, line.length);
    reader.aggregator.flush();
    expect(reader.take()).toEqual(['process_lsm 7 /a x1']);
  });

  test('become one line with their number and the time of the first, when the window ends', () => {
    const reader = new Reader();
    const [first, second, third] = [call(7, '/a'), call(7, '/a'), call(7, '/a')];
    reader.add(first!, second!, third!);
    vi.advanceTimersByTime(14_999);
    expect(reader.lines).toEqual([]);
    vi.advanceTimersByTime(1);
    const { time } = JSON.parse(first!) as { time: string };
    expect(reader.lines).toEqual([`${first!.slice(0, -1)},"aggregation_info":{"count":"3"}}\n`]);
    expect(JSON.parse(reader.lines[0]!)).toMatchObject({ time });
  });

  test('stay apart when anything but their time differs', () => {
    const reader = new Reader();
    reader.add(call(7, '/a'), call(8, '/a'), call(7, '/b'), event('process_kprobe', 7, '/a'), call(7, '/a'));
    reader.aggregator.flush();
    expect(reader.take()).toEqual([
      'process_lsm 7 /a x2',
      'process_lsm 8 /a x1',
      'process_lsm 7 /b x1',
      'process_kprobe 7 /a x1',
    ]);
  });

  test('what a path says is no time, and bytes stay as they are', () => {
    const reader = new Reader();
    const tricky = '/x","time":"now"\\\u00e9\u{1f600}';
    const lines = [call(7, tricky), call(7, tricky)];
    reader.add(...lines);
    reader.aggregator.flush();
    expect(reader.lines).toEqual([`${lines[0]!.slice(0, -1)},"aggregation_info":{"count":"2"}}\n`]);
  });

  test('the envelope may have more behind the time', () => {
    const reader = new Reader();
    const line = `${call(7, '/a').slice(0, -1)},"cluster_name":"c"}`;
    reader.add(line, line);
    reader.aggregator.flush();
    expect(JSON.parse(reader.lines[0]!)).toMatchObject({ aggregation_info: { count: '2' }, cluster_name: 'c' });
  });

  test('a new window starts with the next event', () => {
    const reader = new Reader();
    reader.add(call(7, '/a'));
    vi.advanceTimersByTime(15_000);
    vi.advanceTimersByTime(60_000);
    reader.add(call(7, '/a'));
    vi.advanceTimersByTime(15_000);
    expect(reader.take()).toEqual(['process_lsm 7 /a x1', 'process_lsm 7 /a x1']);
  });
});

describe('order', () => {
  test('all other events pass at once', () => {
    const reader = new Reader();
    const types = ['process_exec', 'process_exit', 'process_loader', 'process_throttle', 'rate_limit_info'];
    reader.add(...types.map((type) => event(type, 7)));
    expect(reader.take()).toEqual(types.map((type) => `${type} 7`));
    expect(reader.lines.join()).not.toContain('aggregation_info');
  });

  test('an exec or exit comes behind the calls of its process, and no others', () => {
    for (const type of ['process_exec', 'process_exit']) {
      const reader = new Reader();
      reader.add(call(7, '/a'), call(70, '/a'), call(7, '/b'), call(7, '/a'), event(type, 7), call(7, '/a'));
      expect(reader.take()).toEqual(['process_lsm 7 /a x2', 'process_lsm 7 /b x1', `${type} 7`]);
      reader.aggregator.flush();
      expect(reader.take()).toEqual(['process_lsm 70 /a x1', 'process_lsm 7 /a x1']);
    }
  });
});

describe('bounds', () => {
  test('one more different event than may wait ends the window', () => {
    const reader = new Reader({ maxEvents: 2 });
    reader.add(call(7, '/a'), call(7, '/b'), call(7, '/a'), call(7, '/c'));
    expect(reader.take()).toEqual(['process_lsm 7 /a x2', 'process_lsm 7 /b x1']);
    reader.aggregator.flush();
    expect(reader.take()).toEqual(['process_lsm 7 /c x1']);
  });

  test('so do more bytes', () => {
    const reader = new Reader({ maxBytes: 8000 });
    reader.add(call(7, `/${'a'.repeat(3000)}`), call(7, '/b'));
    expect(reader.lines).toEqual([]);
    reader.add(call(7, `/${'c'.repeat(3000)}`));
    expect(reader.lines).toHaveLength(2);
    reader.add(call(7, `/${'d'.repeat(30_000)}`), call(7, '/e'));
    expect(reader.lines).toHaveLength(4);
  });

  test('memory is given back when a process ends', () => {
    const reader = new Reader({ maxBytes: 10_000 });
    for (let round = 0; round < 20; round++) reader.add(call(7, '/a'), event('process_exit', 7));
    expect(reader.take().filter((line) => line.includes('x1'))).toHaveLength(20);
    reader.add(call(8, '/a'), call(9, '/a'), call(10, '/a'));
    expect(reader.lines).toEqual([]);
  });
});

test('every event is in a line, joined with one, or waits', () => {
  const reader = new Reader({ maxEvents: 5 });
  let given = 0;
  const check = (): void => {
    const { taken, lines, joined, waiting } = reader.aggregator.counters();
    expect([taken, lines]).toEqual([given, reader.lines.length]);
    expect(lines + joined + waiting).toBe(given);
  };
  for (let index = 0; index < 1000; index++) {
    const pid = (index * 7) % 4;
    reader.add(index % 11 === 0 ? event('process_exit', pid) : call(pid, `/${(index * 13) % 3}`));
    given++;
    check();
  }
  reader.aggregator.flush();
  check();
  const counts = reader.lines.map((line) => Number(/"count":"(\d+)"/.exec(line)?.[1] ?? 1));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(given);
});

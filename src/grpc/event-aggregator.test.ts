import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadApi, tetragonFiles } from './api-root.ts';
import { EventAggregator } from './event-aggregator.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const type = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');

function collect(maxEvents = 100): { aggregator: EventAggregator; take(): string[] } {
  const found: string[] = [];
  const aggregator = new EventAggregator({ windowMs: 1000, maxEvents }, (bytes, length) => {
    const {
      process_kprobe: kprobe,
      aggregation_info: info,
      time,
    } = type.toObject(type.decode(bytes.subarray(0, length)), { longs: Number }) as Record<
      string,
      { message: string; count: number; seconds: number }
    >;
    found.push(`${kprobe!.message.slice(0, 3)} x${info!.count} at ${time!.seconds}`);
  });
  return { aggregator, take: () => found.splice(0) };
}

let seconds = 0;
function add(aggregator: EventAggregator, message: string): void {
  const event = type.fromObject({ process_kprobe: { message }, node_name: 'n', time: { seconds: ++seconds } });
  const bytes = Buffer.from(type.encode(event).finish());
  aggregator.add(bytes, bytes.length);
}

test('equal calls become one with their number and the time of the first, when the window ends', () => {
  seconds = 0;
  const { aggregator, take } = collect();
  for (const message of ['a', 'b', 'a', 'a']) add(aggregator, message);
  expect(take()).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(take()).toEqual(['a x3 at 1', 'b x1 at 2']);
});

test('more different calls than may wait end the window, and so do more bytes than 32 MB', () => {
  seconds = 0;
  const { aggregator, take } = collect(2);
  for (const message of ['a', 'b', 'c']) add(aggregator, message);
  expect(take()).toEqual(['a x1 at 1', 'b x1 at 2']);

  const large = collect(1000);
  for (let index = 0; index < 5; index++) add(large.aggregator, `${index}`.padEnd(4 * 1024 * 1024, 'x'));
  expect(large.take()).toEqual(['0xx x1 at 4', '1xx x1 at 5', '2xx x1 at 6']);
});

test('nothing comes for a client that went away', () => {
  const { aggregator, take } = collect();
  add(aggregator, 'a');
  aggregator.discard();
  vi.advanceTimersByTime(10_000);
  expect(take()).toEqual([]);
});

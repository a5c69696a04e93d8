import { expect, test } from 'vitest';
import { BufferedOutput } from './buffered-output.ts';
import { JsonSink, type JsonSinkOptions } from './json-sink.ts';
import { viewsOf } from './line-queue.ts';
import { jsonLossLine } from './loss-line.ts';

/** A sink and what it wrote. */
function openSink(options: JsonSinkOptions): { sink: JsonSink; written: () => string[] } {
  let text = '';
  const output = new BufferedOutput({
    name: 'memory',
    survivesReaders: false,
    write: (parts) => {
      const bytes = Buffer.concat(viewsOf(parts));
      text += bytes.toString();
      return bytes.length;
    },
    close: () => {},
  });
  return { sink: new JsonSink(output, options), written: () => text.split('\n').slice(0, -1) };
}

function give(sink: JsonSink, path: string, times = 1): void {
  for (let time = 0; time < times; time++) {
    const line = Buffer.from(`{"process_lsm":{"process":{"pid":7},"path":"${path}"},"time":"2026Z"}\n`);
    sink.write(line, 0, line.length);
  }
}

test('events are joined before they are counted by the limit, cut and written; closing ends the window', async () => {
  const cut = (line: Buffer, start: number, end: number): Buffer =>
    Buffer.from(line.toString('utf8', start, end).replace(',"time":"2026Z"', ''));
  const aggregation = { windowMs: 60_000, maxEvents: 10 };
  const { sink, written } = openSink({ aggregation, cut, ratePerMinute: 2, lossLine: jsonLossLine('n') });
  expect(sink.lend()).toBeUndefined();
  give(sink, '/a', 3);
  give(sink, '/b', 5);
  give(sink, '/c', 2);
  sink.flush();
  expect(written()).toEqual([]);
  expect(sink.aggregated()).toEqual({ taken: 10, lines: 0, joined: 7, waiting: 3 });
  sink.close();
  await sink.output.finished;
  expect(written().slice(0, 2)).toEqual([
    '{"process_lsm":{"process":{"pid":7},"path":"/a"},"aggregation_info":{"count":"3"}}',
    '{"process_lsm":{"process":{"pid":7},"path":"/b"},"aggregation_info":{"count":"5"}}',
  ]);
  expect(JSON.parse(written()[2]!)).toMatchObject({ rate_limit_info: { number_of_dropped_process_events: '1' } });
  expect(sink.aggregated()).toEqual({ taken: 10, lines: 3, joined: 7, waiting: 0 });
  const { writtenLines, notices } = sink.output.counters();
  expect(writtenLines - notices + sink.rateLimited).toBe(3);
});

test('without aggregation nothing waits and nothing is added', () => {
  const { sink, written } = openSink({});
  give(sink, '/a', 2);
  sink.flush();
  expect(written()).toEqual(Array(2).fill('{"process_lsm":{"process":{"pid":7},"path":"/a"},"time":"2026Z"}'));
  expect(sink.aggregated()).toBeUndefined();
});

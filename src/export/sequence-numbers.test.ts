import { describe, expect, test } from 'vitest';
import { BufferedOutput } from './buffered-output.ts';
import { JsonSink, type JsonSinkOptions } from './json-sink.ts';
import type { OutputDevice } from './output-device.ts';

describe('a sink of JSON lines', () => {
  test('numbers what it writes', () => {
    const lines = written({ sequenceNumbers: true }, [{ a: 1 }, { a: 'x'.repeat(5000) }, { a: '"}\n' }]);
    expect(lines.map(({ sequence }) => sequence)).toEqual(['1', '2', '3']);
    expect(lines[2]).toEqual({ a: '"}\n', sequence: '3' });
  });

  test('leaves a gap for what the rate limit keeps back', () => {
    const events = Array.from({ length: 10 }, (_, a) => ({ a }));
    const lines = written({ sequenceNumbers: true, ratePerMinute: 4, lossLine }, events);
    expect(lines.slice(0, 4).map(({ sequence }) => sequence)).toEqual(['1', '2', '3', '4']);
    expect(lines.slice(4)).toEqual([{ lost: 6 }]);
  });

  test('numbers after fields were taken out, and before the schema', () => {
    const cut = (): Buffer => Buffer.from('{"cut":1}\n');
    const schema = (line: Buffer, start: number, end: number): Buffer =>
      Buffer.from(JSON.stringify({ event: JSON.parse(line.toString('utf8', start, end)) }));
    expect(written({ cut, sequenceNumbers: true, schema }, [{ a: 1 }])).toEqual([{ event: { cut: 1, sequence: '1' } }]);
    expect(written({ schema }, [{ a: 1 }])).toEqual([{ event: { a: 1 } }]);
  });

  test('lends a place only for lines that stay as they are', () => {
    const sinkOf = (options: JsonSinkOptions): JsonSink => new JsonSink(new BufferedOutput(memory([])), options);
    expect(sinkOf({}).lend()).toBeDefined();
    expect(sinkOf({ sequenceNumbers: true }).lend()).toBeUndefined();
    expect(sinkOf({ schema: (line) => line }).lend()).toBeUndefined();
  });
});

// biome-ignore lint/suspicious/noExplicitAny: lines of any shape
function written(options: JsonSinkOptions, events: readonly object[]): any[] {
  const parts: Buffer[] = [];
  const sink = new JsonSink(new BufferedOutput(memory(parts)), options);
  for (const event of events) {
    const line = Buffer.from(`xx${JSON.stringify(event)}\nyy`);
    sink.write(line, 2, line.length - 2);
  }
  sink.close();
  const text = Buffer.concat(parts).toString();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

function memory(parts: Buffer[]): OutputDevice {
  return {
    name: 'memory',
    survivesReaders: false,
    write: ([part]) => {
      parts.push(Buffer.from(part!.bytes.subarray(part!.start, part!.end)));
      return part!.end - part!.start;
    },
    close: () => {},
  };
}

const lossLine = (lost: number): Buffer => Buffer.from(`${JSON.stringify({ lost })}\n`);

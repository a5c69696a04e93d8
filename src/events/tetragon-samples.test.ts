import { describe, expect, test } from 'vitest';
import type { LineSink } from './event-sink.ts';
import { type Json, replaySample, sampleLines, sampleTitle } from './sample-replay.ts';

/*
 * The line that comes out for each sample must be the same bytes, but for the digits of timestamps, which Tetragon
 * computes anew, with another offset, each time.
 */
describe('events have the same bytes as those of Tetragon', () => {
  for (const [index, line] of sampleLines.entries()) {
    const sample = JSON.parse(line);
    test(`${index + 1}: ${sampleTitle(sample)}`, () => {
      expect(withoutTimes(replay(sample))).toBe(withoutTimes(line));
    });
  }
});

function withoutTimes(line: string): string {
  return line.replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"/g, '"TIME"');
}

function replay(sample: Json): string {
  const lines: string[] = [];
  const sink: LineSink = {
    takes: 'lines',
    write: (line, start, end) => lines.push(line.toString('utf8', start, end - 1)),
    flush: () => {},
    close: () => {},
  };
  replaySample(sample, () => [sink]);
  return lines.at(-1)!;
}

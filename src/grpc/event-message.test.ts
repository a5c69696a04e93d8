import { fromJson, toJson } from 'protobufjs/ext/protojson.js';
import { describe, expect, test } from 'vitest';
import { ByteArena } from '../events/byte-arena.ts';
import type { EventSink } from '../events/event-sink.ts';
import type { ProcessEncoderOptions } from '../events/process-encoder.ts';
import { type Json, replaySample, sampleLines, sampleTitle } from '../events/sample-replay.ts';
import { loadApi, tetragonFiles } from './api-root.ts';
import { EventMessageEncoder } from './event-message.ts';
import { ProcessMessageEncoder } from './process-message.ts';

const responseType = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');

describe('messages of events say what their JSON lines say', () => {
  for (const [index, line] of sampleLines.entries()) {
    const sample = JSON.parse(line);
    test(`${index + 1}: ${sampleTitle(sample)}`, () => {
      const { lines, messages } = encodeBoth(sample);
      expect(messages).toEqual(lines);
    });
  }
});

function encodeBoth(sample: Json): { lines: Json[]; messages: Json[] } {
  const lines: Json[] = [];
  const messages: Json[] = [];
  const sinks = (encoding: () => ProcessEncoderOptions): EventSink[] => {
    let encoder: EventMessageEncoder | undefined;
    return [
      {
        takes: 'lines',
        write: (line, start, end) => lines.push(parse(JSON.parse(line.toString('utf8', start, end - 1)))),
        flush: () => {},
        close: () => {},
      },
      {
        takes: 'events',
        write: (event) => {
          encoder ??= encoderOf(encoding());
          encoder.encode(event);
          messages.push(decode(encoder.writer.take()));
        },
        flush: () => {},
        close: () => {},
      },
    ];
  };
  replaySample(sample, sinks);
  return { lines, messages };
}

function encoderOf(options: ProcessEncoderOptions): EventMessageEncoder {
  const processes = new ProcessMessageEncoder(options, new ByteArena());
  return new EventMessageEncoder(processes, options.clock, options.nodeName);
}

function decode(bytes: Buffer): Json {
  return toJson(responseType, responseType.decode(bytes));
}

/** A line as the library understands it: a field or a value that the API does not have is an error. */
function parse(line: Json): Json {
  return toJson(responseType, fromJson(responseType, line));
}

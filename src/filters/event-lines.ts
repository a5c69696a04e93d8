import type { Event } from '../events/events.ts';
import { EventEncoder } from '../events/json/event-encoder.ts';
import { ProcessEncoder, type ProcessEncoderOptions } from '../events/json/process-encoder.ts';

/**
 * Encodes an event as the outputs do, for those who look at it before it is known who wants it. `encoding` is asked
 * for when the first event comes. The line is valid until the next call.
 */
export function eventLines(encoding: () => ProcessEncoderOptions): (event: Event) => Buffer {
  let encoder: EventEncoder | undefined;
  return (event) => {
    if (encoder === undefined) {
      const options = encoding();
      encoder = new EventEncoder(new ProcessEncoder(options), options.clock, options.nodeName, options);
    }
    encoder.encode(event);
    return encoder.writer.buffer.subarray(0, encoder.writer.length);
  };
}

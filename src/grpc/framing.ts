import { StatusError } from './status.ts';

/**
 * Messages in the body of a request or response (gRPC over HTTP/2):
 *
 * | bytes | meaning |
 * |---|---|
 * | 1 | 1 when the message is compressed, else 0 |
 * | 4 | length, big endian |
 * | length | message |
 */
export const frameHeaderBytes = 5;

/** Writes the header of a message of `length` bytes. */
export function writeFrameHeader(buffer: Buffer, offset: number, length: number): void {
  buffer[offset] = 0;
  buffer.writeUInt32BE(length, offset + 1);
}

/** A message with its header. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(frameHeaderBytes + message.length);
  writeFrameHeader(framed, 0, message.length);
  framed.set(message, frameHeaderBytes);
  return framed;
}

/** Cuts a body into messages as its pieces arrive. */
export class MessageReader {
  readonly #maxBytes: number;
  #waiting: Buffer = Buffer.alloc(0);

  /** Messages longer than `maxBytes` are refused. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True in the middle of a message: a body must not end there. */
  get incomplete(): boolean {
    return this.#waiting.length > 0;
  }

  /** The messages that `piece` completes, in order. Throws a StatusError for what is too long or compressed. */
  push(piece: Buffer): Buffer[] {
    const bytes = this.#waiting.length === 0 ? piece : Buffer.concat([this.#waiting, piece]);
    const messages: Buffer[] = [];
    let offset = 0;
    while (bytes.length - offset >= frameHeaderBytes) {
      const end = offset + frameHeaderBytes + this.#lengthAt(bytes, offset);
      if (end > bytes.length) break;
      messages.push(bytes.subarray(offset + frameHeaderBytes, end));
      offset = end;
    }
    this.#waiting = bytes.subarray(offset);
    return messages;
  }

  #lengthAt(bytes: Buffer, offset: number): number {
    if (bytes[offset] !== 0) throw new StatusError('UNIMPLEMENTED', 'Compressed messages are not understood here');
    const length = bytes.readUInt32BE(offset + 1);
    if (length > this.#maxBytes) {
      const message = `A message of ${length} bytes is longer than the limit of ${this.#maxBytes} bytes`;
      throw new StatusError('RESOURCE_EXHAUSTED', message);
    }
    return length;
  }
}

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
  /** Pieces that are not consumed yet, and their sum. */
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes from which on the first message is complete, header included. */
  #needed = frameHeaderBytes;

  /** Messages longer than `maxBytes` are refused. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True in the middle of a message: a body must not end there. */
  get incomplete(): boolean {
    return this.#length > 0;
  }

  /** The messages that `piece` completes, in order. Throws a StatusError for what is too long or compressed. */
  push(piece: Buffer): Buffer[] {
    this.#pieces.push(piece);
    this.#length += piece.length;
    return this.#length < this.#needed ? [] : this.#take();
  }

  #take(): Buffer[] {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    const messages: Buffer[] = [];
    let offset = 0;
    this.#needed = frameHeaderBytes;
    while (bytes.length - offset >= frameHeaderBytes) {
      const size = frameHeaderBytes + this.#lengthAt(bytes, offset);
      if (offset + size > bytes.length) {
        this.#needed = size;
        break;
      }
      messages.push(bytes.subarray(offset + frameHeaderBytes, offset + size));
      offset += size;
    }
    this.#pieces = offset === bytes.length ? [] : [bytes.subarray(offset)];
    this.#length = bytes.length - offset;
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

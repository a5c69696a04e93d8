import { createServer, type Socket } from 'node:net';

/** The host's end of one virtio-serial port: a socket that QEMU connects to. */
export interface GuestPort {
  /** Settles when the end mark has arrived, or QEMU has closed the port. */
  done: Promise<void>;
  close(): void;
}

/**
 * Listens on `socketPath` for QEMU and hands on what the guest writes, without the end mark, as it comes.
 *
 * Resolves when QEMU can be started.
 */
export async function openGuestPort(
  socketPath: string,
  endMark: Buffer,
  onData: (chunk: Buffer) => void,
): Promise<GuestPort> {
  const connections = new Set<Socket>();
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    connections.add(socket);
    const stream = new MarkedStream(endMark, onData);
    socket.on('data', (chunk) => {
      if (stream.push(chunk)) finish();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      stream.flush();
      finish();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  const close = () => {
    for (const socket of connections) socket.destroy();
    server.close();
    finish();
  };
  return { done, close };
}

/** Passes bytes on until an end mark, holding back only what may be the mark's beginning. */
export class MarkedStream {
  readonly #mark: Buffer;
  readonly #onData: (chunk: Buffer) => void;
  #held: Buffer = Buffer.alloc(0);

  constructor(mark: Buffer, onData: (chunk: Buffer) => void) {
    this.#mark = mark;
    this.#onData = onData;
  }

  /** Takes the next bytes; returns whether the mark is now complete. */
  push(chunk: Buffer): boolean {
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const end = bytes.indexOf(this.#mark);
    const safe = end >= 0 ? end : bytes.length - beginningAtEnd(bytes, this.#mark);
    this.#held = Buffer.from(bytes.subarray(end >= 0 ? bytes.length : safe));
    if (safe > 0) this.#onData(bytes.subarray(0, safe));
    return end >= 0;
  }

  /** Passes on what was held back when no more will come. */
  flush(): void {
    if (this.#held.length > 0) this.#onData(this.#held);
    this.#held = Buffer.alloc(0);
  }
}

/** How many bytes at the end of `bytes` are a beginning of `mark`. */
function beginningAtEnd(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}

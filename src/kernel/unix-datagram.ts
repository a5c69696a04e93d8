import { closeSync } from 'node:fs';
import { nameOfErrno } from './kernel-error.ts';
import { AF_UNIX, connect, lastErrno, SOCK_CLOEXEC, SOCK_DGRAM, socket } from './libc.ts';
import { sendWithoutWaiting } from './socket-send.ts';

/** A unix datagram socket that is connected to a name; Node.js has none. */
export class UnixDatagram {
  readonly #fd: number;

  /** Throws an error whose `code` is the errno's name: `ECONNREFUSED` and `ENOENT` when nobody listens. */
  constructor(path: string) {
    this.#fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw failure('socket', path);
    const address = unixAddress(path);
    if (connect(this.#fd, address, address.length) === 0) return;
    const error = failure('connect', path);
    closeSync(this.#fd);
    throw error;
  }

  /** Sends one datagram. False when the receiver has no room now; throws like the constructor. */
  send(datagram: Buffer): boolean {
    try {
      sendWithoutWaiting(this.#fd, datagram, 0, datagram.length);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** `struct sockaddr_un`; a name that starts with @ is one without a file. */
export function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(path.replace(/^@/, '\0'));
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

function failure(call: string, path: string): Error {
  const code = nameOfErrno(lastErrno());
  return Object.assign(new Error(`${call} ${path}: ${code}`), { code });
}

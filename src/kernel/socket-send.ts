import { nameOfErrno } from './kernel-error.ts';
import { lastErrno, MSG_DONTWAIT, MSG_NOSIGNAL, sendto } from './libc.ts';

/**
 * Sends a part of `bytes[start .. end]` on a stream socket without waiting, whatever mode the socket is in. Returns the
 * number of bytes sent; throws an error whose `code` is the errno's name, `EAGAIN` when the socket takes none now.
 */
export function sendWithoutWaiting(socket: number, bytes: Buffer, start: number, end: number): number {
  const sent = sendto(socket, bytes.subarray(start, end), end - start, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
  if (sent >= 0) return Number(sent);
  const code = nameOfErrno(lastErrno());
  throw Object.assign(new Error(`send: ${code}`), { code });
}

import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UnixDatagram } from '../../kernel/unix-datagram.ts';
import { DestinationError } from '../destination.ts';
import type { ResendWindow } from './resend-window.ts';
import type { SyslogTransport } from './syslog-transport.ts';

/** Datagrams to a local receiver, which takes each or says that it has no room. */
export class UnixDatagramTransport implements SyslogTransport {
  /** Less than the system's usual buffer of a socket, `net.core.wmem_default`. */
  readonly maxMessageBytes = 128 * 1024;
  readonly #path: string;
  readonly #window: ResendWindow;
  #socket: UnixDatagram | undefined;

  constructor(path: string, window: ResendWindow) {
    this.#path = path;
    this.#window = window;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    if (this.#socket === undefined) {
      this.#socket = new UnixDatagram(this.#path);
      /* What the receiver before had not read yet. */
      await this.#sendAll(this.#window.frames(), signal);
      this.#window.sentAgain(performance.now());
    }
    await this.#sendAll(messages, signal, (message) => this.#window.add([message], performance.now()));
  }

  async close(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #sendAll(messages: readonly Buffer[], signal: AbortSignal, sent = (_message: Buffer): void => {}) {
    let delivered = 0;
    try {
      for (const message of messages) {
        while (!this.#socket!.send(message)) await sleep(fullRetryMs, undefined, { signal });
        sent(message);
        delivered++;
      }
    } catch (error) {
      this.#socket?.close();
      this.#socket = undefined;
      this.#window.connectionEnded(false, performance.now());
      throw new DestinationError((error as Error).message, { retryable: true, delivered, cause: error });
    }
  }
}

/**
 * Datagrams over a network, which may lose them without anybody noticing. That the receiver's machine refuses them is
 * noticed by the next one.
 */
export class UdpTransport implements SyslogTransport {
  /** The largest datagram of IPv4. */
  readonly maxMessageBytes = 65_507;
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(host: string, port: number) {
    this.#host = host;
    this.#port = port;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    this.#socket ??= await this.#open();
    let delivered = 0;
    try {
      for (const message of messages) {
        signal.throwIfAborted();
        await sendDatagram(this.#socket, message);
        delivered++;
      }
    } catch (error) {
      await this.close();
      throw new DestinationError((error as Error).message, { retryable: true, delivered, cause: error });
    }
  }

  async close(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const { address, family } = await lookup(this.#host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('error', reject).connect(this.#port, address, resolve);
    await promise;
    socket.off('error', reject);
    /* A refusal of an earlier datagram comes as an event; the next `send` fails with it as well. */
    socket.on('error', () => {}).unref();
    return socket;
  }
}

function sendDatagram(socket: Socket, message: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(message, (error) => (error === null ? resolve() : reject(error)));
  return promise;
}

/** A receiver's queue has as few as ten places (`net.unix.max_dgram_qlen`). */
const fullRetryMs = 1;

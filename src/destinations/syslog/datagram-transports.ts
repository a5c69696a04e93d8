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
  maxMessageBytes = 128 * 1024;
  readonly #path: string;
  readonly #window: ResendWindow;
  #socket: UnixDatagram | undefined;
  /** What the receiver before had not read yet, as far as this one has not got it. */
  #owed: readonly Buffer[] = [];

  constructor(path: string, window: ResendWindow) {
    this.#path = path;
    this.#window = window;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    if (this.#socket === undefined) {
      this.#socket = new UnixDatagram(this.#path);
      this.#owed = this.#window.frames();
    }
    if (this.#owed.length > 0) await this.#repay(signal);
    await this.#sendAll(messages, signal, (message) => this.#window.add([message], performance.now()));
  }

  async close(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #repay(signal: AbortSignal): Promise<void> {
    let sent = 0;
    try {
      await this.#sendAll(this.#owed, signal, () => sent++);
    } catch (error) {
      throw new DestinationError((error as Error).message, { retryable: true, cause: error });
    } finally {
      this.#owed = this.#owed.slice(sent);
    }
    this.#window.sentAgain(performance.now());
  }

  async #sendAll(messages: readonly Buffer[], signal: AbortSignal, sent: (message: Buffer) => void): Promise<void> {
    let delivered = 0;
    try {
      for (const message of messages) {
        while (!this.#socket!.send(message)) await sleep(fullRetryMs, undefined, { signal });
        sent(message);
        delivered++;
      }
    } catch (error) {
      /* One that only is slow still has everything. */
      if (!signal.aborted) this.#disconnect();
      if (codeOf(error) === 'EMSGSIZE') this.maxMessageBytes = messages[delivered]!.length - 1;
      const text = signal.aborted ? 'the receiver does not read' : (error as Error).message;
      throw new DestinationError(text, { retryable: true, delivered, cause: error });
    }
  }

  #disconnect(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#window.connectionEnded(false, performance.now());
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
  /** A refusal of an earlier datagram. */
  #refusal: Error | undefined;
  /** So many times nobody listened: the next of the name's addresses has its turn. */
  #refusals = 0;

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
        if (this.#refusal !== undefined) throw this.#refusal;
        await sendDatagram(this.#socket, message);
        delivered++;
      }
    } catch (error) {
      await this.close();
      /* It is the one before that was refused. */
      if (codeOf(error) === 'ECONNREFUSED') {
        delivered = Math.max(0, delivered - 1);
        this.#refusals++;
      }
      throw new DestinationError((error as Error).message, { retryable: true, delivered, cause: error });
    }
  }

  async close(): Promise<void> {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #open(): Promise<Socket> {
    const addresses = await lookup(this.#host, { all: true });
    const { address, family } = addresses[this.#refusals % addresses.length]!;
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    /* The callback gets an error too, which the types do not know. */
    const connected = (error?: Error | null): void => (error ? reject(error) : resolve());
    socket.once('error', reject).connect(this.#port, address, connected);
    try {
      await promise;
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.off('error', reject);
    this.#refusal = undefined;
    socket.unref().on('error', (error) => {
      this.#refusal = error;
    });
    return socket;
  }
}

function sendDatagram(socket: Socket, message: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(message, (error) => (error === null ? resolve() : reject(error)));
  return promise;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** A receiver's queue has as few as ten places (`net.unix.max_dgram_qlen`). */
const fullRetryMs = 1;

import { createConnection, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type TlsConfig, tlsOptions } from '../tls-keys.ts';
import type { ResendWindow } from './resend-window.ts';
import type { SyslogAddress } from './syslog-address.ts';
import type { SyslogTransport } from './syslog-transport.ts';

export interface StreamTransportOptions {
  readonly address: SyslogAddress;
  readonly tls: TlsConfig | undefined;
  readonly framing: 'octetCounting' | 'newline';
  readonly window: ResendWindow;
  readonly report: (message: string) => void;
}

/**
 * A TCP, TLS or unix stream connection, opened when it is needed. What may not have arrived when it ends is sent again on
 * the next one, also when nothing new is to be sent.
 */
export class StreamTransport implements SyslogTransport {
  readonly maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #options: StreamTransportOptions;
  readonly #window: ResendWindow;
  #connection: Connection | undefined;
  #resendTimer: NodeJS.Timeout | undefined;
  /** The operation in progress: messages are sent one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: StreamTransportOptions) {
    this.#options = options;
    this.#window = options.window;
  }

  send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const frames = messages.map((message) => frameOf(message, this.#options.framing));
    return this.#exclusive(async () => {
      const connection = await this.#connected(signal);
      await connection.write(frames, signal);
      this.#window.add(frames, performance.now());
    });
  }

  /** Waits until the receiver has closed its side too: then it has read everything. */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#resendTimer);
    await this.#exclusive(async () => {
      if (this.#connection === undefined && this.#window.size > 0) await this.#connected(signal).catch(() => {});
    });
    const inOrder = (await this.#connection?.end(signal)) ?? true;
    this.#window.connectionEnded(inOrder, performance.now());
    if (this.#window.size > 0 && !inOrder)
      this.#options.report(`up to ${this.#window.size} events that were sent may not have arrived`);
  }

  async #connected(signal: AbortSignal): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    clearTimeout(this.#resendTimer);
    const connection = await Connection.open(this.#options, signal);
    connection.onEnd = (inOrder) => this.#ended(connection, inOrder);
    this.#connection = connection;
    const frames = this.#window.frames();
    if (frames.length > 0) {
      await connection.write(frames, signal);
      this.#window.sentAgain(performance.now());
    }
    return connection;
  }

  #ended(connection: Connection, inOrder: boolean): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#window.connectionEnded(inOrder, performance.now());
    this.#resendLater();
  }

  /** Without waiting for new events: these may be the last ones for a long time. */
  #resendLater(): void {
    clearTimeout(this.#resendTimer);
    if (this.#window.size === 0 || this.#isClosed) return;
    this.#resendTimer = setTimeout(() => {
      const signal = AbortSignal.timeout(resendTimeoutMs);
      this.#exclusive(() => this.#connected(signal)).catch(() => this.#resendLater());
    }, resendDelayMs).unref();
  }

  #exclusive<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run, run);
    this.#last = result;
    return result;
  }
}

/** One connection, from its handshake to its end. */
class Connection {
  onEnd: (inOrder: boolean) => void = () => {};
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  /** What ended it, unless the receiver ended it in order. */
  #error: Error | undefined;
  #isInOrder = false;
  #failWrite: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    /* Bytes that its program had not read would have made its system reset the connection. */
    socket.on('end', () => {
      this.#isInOrder = this.#error === undefined;
    });
    socket.on('close', () => {
      this.#failWrite?.(this.#error ?? new Error('the receiver closed the connection'));
      this.#closed.resolve();
      this.onEnd(this.#isInOrder);
    });
    /* Nothing is expected from the receiver; without reading, its end would not be noticed. */
    socket.resume();
  }

  static open({ address, tls }: StreamTransportOptions, signal: AbortSignal): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const socket = openSocket(address, tls);
    const abort = (): void => void socket.destroy(new Error('the connection takes too long'));
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', abort);
      reject(error);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', fail);
    socket.once(address.transport === 'tls' ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
      /* The agent ends when it wants to. */
      socket.unref();
      resolve(new Connection(socket));
    });
    if (signal.aborted) abort();
    return promise;
  }

  /** Resolves when the system has taken all frames. */
  async write(frames: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => void this.#socket.destroy(new Error('the receiver takes nothing'));
    signal.addEventListener('abort', abort, { once: true });
    this.#failWrite = reject;
    this.#socket.write(Buffer.concat(frames), (error) => (error ? reject(error) : resolve()));
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Ends it; resolves to whether the receiver did so too, after reading everything. */
  async end(signal: AbortSignal): Promise<boolean> {
    const abort = (): void => void this.#socket.destroy(new Error('the receiver does not end the connection'));
    signal.addEventListener('abort', abort, { once: true });
    this.#socket.ref();
    this.#socket.end();
    await this.#closed.promise;
    signal.removeEventListener('abort', abort);
    return this.#isInOrder;
  }
}

function openSocket(address: SyslogAddress, tls: TlsConfig | undefined): Socket {
  if (address.transport === 'unix') return createConnection({ path: address.path });
  const { host, port } = address;
  if (address.transport !== 'tls') return createConnection({ host, port });
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port, ...servername, ...tlsOptions(tls) });
}

/** RFC 6587: the length in front; or a newline behind, which no JSON line has inside. */
function frameOf(message: Buffer, framing: 'octetCounting' | 'newline'): Buffer {
  if (framing === 'newline') return Buffer.concat([message, newline]);
  return Buffer.concat([Buffer.from(`${message.length} `), message]);
}

const newline = Buffer.from('\n');
const keepAliveMs = 30_000;
const resendDelayMs = 1000;
const resendTimeoutMs = 10_000;

import { createConnection, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DestinationError } from '../destination.ts';
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
      await connection.write(frames, signal, (taken) => this.#window.add(taken, performance.now()));
    });
  }

  /** Waits until the receiver has closed its side too: then it has read everything. */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#resendTimer);
    await this.#exclusive(async () => {
      if (this.#window.size > 0) await this.#connected(signal).catch(() => {});
    });
    const connection = this.#connection;
    const inOrder = connection !== undefined && !connection.owesFrames && (await connection.end(signal));
    this.#window.connectionEnded(inOrder, performance.now());
    if (this.#window.size > 0 && !inOrder)
      this.#options.report(`up to ${this.#window.size} events that were sent may not have arrived`);
  }

  /** A connection on which everything was sent again that the one before may have lost. */
  async #connected(signal: AbortSignal): Promise<Connection> {
    const connection = this.#connection ?? (await this.#open(signal));
    if (connection.owesFrames) {
      await connection.repay(signal);
      this.#window.sentAgain(performance.now());
    }
    return connection;
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    clearTimeout(this.#resendTimer);
    const connection = await Connection.open(this.#options, signal);
    connection.onEnd = (inOrder) => this.#ended(connection, inOrder);
    connection.owe(this.#window.frames());
    this.#connection = connection;
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
  /** The piece that the system has not taken yet. */
  #pending: Promise<void> | undefined;
  #failWrite: ((error: Error) => void) | undefined;
  #owed: readonly Buffer[] = [];

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

  /** Frames of an earlier connection, which `repay` sends. */
  owe(frames: readonly Buffer[]): void {
    this.#owed = frames;
  }

  get owesFrames(): boolean {
    return this.#owed.length > 0;
  }

  /** Rejects like `write`, but goes on from where it was when it is called again. */
  async repay(signal: AbortSignal): Promise<void> {
    let sent = 0;
    try {
      await this.write(this.#owed, signal, (frames) => {
        sent += frames.length;
      });
    } catch (error) {
      throw new DestinationError((error as Error).message, { retryable: true, cause: error });
    } finally {
      this.#owed = this.#owed.slice(sent);
    }
  }

  /**
   * Resolves when the system has taken all frames, of which `taken` is told as it happens. When `signal` is aborted, a
   * connection that took something meanwhile stays as it is, with a piece under way that counts as taken; one that took
   * nothing is ended. Rejects with a DestinationError that says how many were taken.
   */
  async write(
    frames: readonly Buffer[],
    signal: AbortSignal,
    taken: (frames: readonly Buffer[]) => void,
  ): Promise<void> {
    let delivered = 0;
    const take = (piece: readonly Buffer[]): void => {
      delivered += piece.length;
      taken(piece);
    };
    let underWay: readonly Buffer[] = [];
    let hasMoved = false;
    try {
      for (const piece of [...piecesOf(frames), []]) {
        if (this.#pending !== undefined) {
          await unlessAborted(this.#pending, signal);
          this.#pending = undefined;
          hasMoved = true;
          take(underWay);
        }
        underWay = piece;
        if (piece.length > 0) this.#pending = this.#writePiece(piece);
      }
    } catch (error) {
      if (error === tooLate && hasMoved) {
        take(underWay);
        throw new DestinationError('the receiver takes little', { retryable: true, delivered });
      }
      const reason = error === tooLate ? new Error('the receiver takes nothing') : (error as Error);
      await this.#destroy(reason);
      throw new DestinationError(reason.message, { retryable: true, delivered, cause: reason });
    }
  }

  /** Resolves when the connection is gone: the next attempt opens another one. */
  async #destroy(reason: Error): Promise<void> {
    this.#socket.destroy(reason);
    await this.#closed.promise;
  }

  #writePiece(frames: readonly Buffer[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#failWrite = reject;
    this.#socket.write(Buffer.concat(frames), (error) => (error ? reject(error) : resolve()));
    /* Nobody may be waiting for it when it fails. */
    promise.catch(() => {});
    return promise;
  }

  /** Ends it; resolves to whether the receiver did so too, after reading everything. */
  async end(signal: AbortSignal): Promise<boolean> {
    const abort = (): void => void this.#socket.destroy(new Error('the receiver does not end the connection'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    this.#socket.ref();
    this.#socket.end();
    await this.#closed.promise;
    signal.removeEventListener('abort', abort);
    return this.#isInOrder;
  }
}

/** Frames in pieces of some size, each of which the system takes as a whole or not. */
function piecesOf(frames: readonly Buffer[]): Buffer[][] {
  const pieces: Buffer[][] = [];
  let bytes = pieceBytes;
  for (const frame of frames) {
    if (bytes >= pieceBytes) {
      pieces.push([]);
      bytes = 0;
    }
    pieces.at(-1)!.push(frame);
    bytes += frame.length;
  }
  return pieces;
}

/** Rejects with `tooLate` when the signal comes first. */
async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(tooLate);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
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
const pieceBytes = 128 * 1024;
const tooLate = new Error('the time is over');
const keepAliveMs = 30_000;
const resendDelayMs = 1000;
const resendTimeoutMs = 10_000;

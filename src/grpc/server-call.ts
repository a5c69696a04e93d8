import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { OpenSpan } from '../tracing/spans.ts';
import { frame, MessageReader } from './framing.ts';
import type { Peer } from './peer.ts';
import { encodeStatusMessage, StatusError, type StatusName, statusCodes } from './status.ts';

/** What a method does with the messages of a call. */
export interface CallHandler {
  /** One complete message of the client. May throw a StatusError. */
  onMessage(message: Buffer): void | Promise<void>;
  /** The client has nothing more to say. */
  onHalfClose?(): void;
  /** The call ended, for whatever reason; nothing can be sent any more. Called once. */
  onClosed?(): void;
}

/** One call on the server's side: messages in both directions, and a status at the end. */
export class ServerCall {
  readonly peer: Peer;
  readonly #span: OpenSpan | undefined;
  readonly #stream: ServerHttp2Stream;
  #responded = false;
  #finished = false;
  #deadline: NodeJS.Timeout | undefined;

  /** `span`: of the call, from here to its end. */
  constructor(stream: ServerHttp2Stream, peer: Peer, span?: OpenSpan) {
    this.#stream = stream;
    this.peer = peer;
    this.#span = span;
    /* A stream that breaks off ends in `close` too, which is what matters. */
    stream.on('error', () => {});
  }

  get closed(): boolean {
    return this.#finished || this.#stream.destroyed;
  }

  /** Hands the client's messages to `handler` as they come. */
  serve(handler: CallHandler, headers: IncomingHttpHeaders): void {
    const reader = new MessageReader(maxRequestBytes);
    this.#stream.on('data', (piece: Buffer) => {
      this.#guard(() => {
        for (const message of reader.push(piece)) this.#deliver(handler, message);
      });
    });
    this.#stream.on('end', () => {
      this.#guard(() => {
        if (reader.incomplete) throw new StatusError('INTERNAL', 'The request ends in the middle of a message');
        handler.onHalfClose?.();
      });
    });
    this.#stream.on('close', () => {
      this.#finished = true;
      this.#endSpan('CANCELLED', '');
      clearTimeout(this.#deadline);
      handler.onClosed?.();
    });
    this.#startDeadline(headers['grpc-timeout']);
  }

  /** Sends one message. */
  send(message: Uint8Array): void {
    this.sendFrames(frame(message));
  }

  /** Sends messages that have their headers already; `done` is told when the bytes are on their way. */
  sendFrames(frames: Buffer, done?: () => void): void {
    if (this.closed) return;
    this.respond();
    this.#stream.write(frames, done);
  }

  /** Sends the headers of the response, if they are not sent yet: the client learns that the call was accepted. */
  respond(): void {
    if (this.#responded || this.closed) return;
    this.#responded = true;
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
  }

  finish(status: StatusName = 'OK', message = ''): void {
    if (this.closed) return;
    this.#finished = true;
    this.#endSpan(status, message);
    const trailers = {
      'grpc-status': String(statusCodes[status]),
      ...(message === '' ? {} : { 'grpc-message': encodeStatusMessage(message, maxStatusBytes) }),
    };
    if (!this.#responded) {
      this.#stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
      this.#stopListening();
      return;
    }
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers));
    this.#stream.end();
    this.#stopListening();
  }

  /** Ends the call with the status of an error; an error that is not a StatusError is a bug of ours. */
  fail(error: unknown): void {
    if (error instanceof StatusError) this.finish(error.status, error.message);
    else this.finish('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  /** What the client still sends after the end is thrown away. */
  #stopListening(): void {
    this.#stream.removeAllListeners('data');
    this.#stream.resume();
  }

  #deliver(handler: CallHandler, message: Buffer): void {
    const handle = () => handler.onMessage(message);
    const pending = this.#span === undefined ? handle() : this.#span.run(handle);
    if (pending !== undefined) pending.catch((error: unknown) => this.fail(error));
  }

  #endSpan(status: StatusName, message: string): void {
    const attributes = { 'rpc.grpc.status_code': statusCodes[status] };
    this.#span?.end(attributes, serverFaults.has(status) ? message || status : undefined);
  }

  #guard(action: () => void): void {
    if (this.#finished) return;
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #startDeadline(timeout: string | string[] | undefined): void {
    const timeoutMs = typeof timeout === 'string' ? parseTimeout(timeout) : undefined;
    if (timeoutMs === undefined) return;
    const expire = () => this.finish('DEADLINE_EXCEEDED', 'The deadline that the client set has passed');
    this.#deadline = setTimeout(expire, Math.min(timeoutMs, longestTimerMs));
    this.#deadline.unref();
  }
}

/** Statuses that mean that the server, not the client, did something wrong, as OpenTelemetry sees it. */
const serverFaults: ReadonlySet<StatusName> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
]);

/** `grpc-timeout`: at most eight digits and a unit; in milliseconds, undefined when it is not that. */
function parseTimeout(text: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? undefined : Math.ceil(Number(match[1]) * timeoutUnitsMs[match[2] as TimeoutUnit]);
}

type TimeoutUnit = keyof typeof timeoutUnitsMs;
const timeoutUnitsMs = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 } as const;
const longestTimerMs = 2 ** 31 - 1;

const responseHeaders = {
  [constants.HTTP2_HEADER_STATUS]: 200,
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  'grpc-accept-encoding': 'identity',
} as const;

/** The longest request: a policy. */
export const maxRequestBytes: number = 4 * 1024 * 1024;
/** HTTP/2 peers limit the size of headers; some to 8 KiB. */
const maxStatusBytes = 6000;

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { frame, MessageReader } from '../grpc/framing.ts';
import { type ServerAddress, serverAddressText } from '../grpc/server-address.ts';
import { decodeStatusMessage, StatusError, statusName } from '../grpc/status.ts';

export interface ClientTls {
  /** Texts in PEM form. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Authorities for the server's certificate; those of the system without any. */
  readonly ca?: readonly string[] | undefined;
  /** Name that the server's certificate must have, when it is not the host's. */
  readonly serverName?: string | undefined;
  readonly skipVerify?: boolean | undefined;
}

export interface GrpcClientOptions {
  readonly address: ServerAddress;
  /** Undefined for a connection without TLS. */
  readonly tls?: ClientTls | undefined;
  /** How long to wait for the connection. */
  readonly timeoutMs: number;
}

/** A connection to a gRPC server. Calls fail with a StatusError. */
export class GrpcClient {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
    session.on('error', () => {});
  }

  /** Rejects with a StatusError UNAVAILABLE that says why. */
  static async connect(options: GrpcClientOptions): Promise<GrpcClient> {
    const { promise, resolve, reject } = Promise.withResolvers<GrpcClient>();
    const target = serverAddressText(options.address);
    const authority = options.address.kind === 'tcp' ? target : 'localhost';
    const socket = openSocket(options);
    const session = connect(`http://${authority}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: windowBytes },
    });
    const fail = (reason: string) => {
      session.destroy();
      reject(new StatusError('UNAVAILABLE', reason));
    };
    /* A refusal at the end of the handshake of TLS 1.3 is told to the socket alone, and does not close it. */
    socket.on('error', (error) => {
      fail(error.message);
      socket.destroy();
    });
    const timer = setTimeout(() => fail('no answer in time'), options.timeoutMs);
    session.once('error', (error) => fail(error.message));
    session.once('close', () => fail('the connection was closed'));
    /* The server's first words: a connection alone does not show that somebody understands HTTP/2. */
    session.once('remoteSettings', () => {
      session.setLocalWindowSize(windowBytes);
      resolve(new GrpcClient(session));
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** One request, one response. */
  async unary(path: string, request: Uint8Array): Promise<Buffer> {
    let response: Buffer | undefined;
    for await (const message of this.stream(path, request)) response = message;
    if (response === undefined) throw new StatusError('INTERNAL', 'The server sent no message');
    return response;
  }

  /** One request, messages until the server ends the call; leaving the loop cancels it. */
  async *stream(path: string, request: Uint8Array): AsyncGenerator<Buffer, void> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(frame(request));
    try {
      yield* readMessages(stream);
    } finally {
      stream.close();
    }
  }

  close(): void {
    this.#session.close();
    this.#session.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openSocket({ address, tls }: GrpcClientOptions): Duplex {
  const endpoint =
    address.kind === 'unix' ? { path: address.path } : { host: hostOf(address.host), port: address.port };
  if (tls === undefined) return connectSocket(endpoint);
  const serverName = tls.serverName ?? (address.kind === 'tcp' ? hostOf(address.host) : 'localhost');
  return connectTls({
    ...endpoint,
    ...(tls.cert !== undefined && { cert: tls.cert }),
    ...(tls.key !== undefined && { key: tls.key }),
    ...(tls.ca !== undefined && tls.ca.length > 0 && { ca: [...tls.ca] }),
    /* Addresses are no names that may be sent. */
    ...(/^[\d.:]+$/.test(serverName) ? {} : { servername: serverName }),
    rejectUnauthorized: tls.skipVerify !== true,
    ALPNProtocols: ['h2'],
  });
}

function hostOf(host: string): string {
  return host === '' ? 'localhost' : host;
}

async function* readMessages(stream: ClientHttp2Stream): AsyncGenerator<Buffer, void> {
  const reader = new MessageReader(maxResponseBytes);
  let status: IncomingHttpHeaders | undefined;
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200 || headers['grpc-status'] !== undefined) status = headers;
  });
  stream.on('trailers', (trailers) => {
    status = trailers;
  });
  try {
    for await (const piece of stream) yield* reader.push(piece as Buffer);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw new StatusError('UNAVAILABLE', `the connection broke: ${(error as Error).message}`);
  }
  checkStatus(status);
}

function checkStatus(headers: IncomingHttpHeaders | undefined): void {
  if (headers === undefined) throw new StatusError('UNAVAILABLE', 'the server went away');
  const code = headers['grpc-status'];
  if (code === undefined)
    throw new StatusError('UNKNOWN', `the server answered with HTTP status ${headers[':status']}`);
  if (Number(code) === 0) return;
  throw new StatusError(statusName(Number(code)), decodeStatusMessage(String(headers['grpc-message'] ?? '')));
}

/** What a server may send ahead: a stream of events comes in bursts. */
const windowBytes = 1024 * 1024;
/** As Tetragon's client allows by default, and some more for lists of many processes. */
const maxResponseBytes = 64 * 1024 * 1024;

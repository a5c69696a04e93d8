import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type OpenSpan, openSpan } from '../tracing/spans.ts';
import { listen } from './listener.ts';
import { type Peer, plainPeer, tlsPeer, unixPeer } from './peer.ts';
import type { ServerAddress } from './server-address.ts';
import { type CallHandler, ServerCall } from './server-call.ts';
import type { TlsFiles } from './tls-files.ts';

/** Begins to handle a call. */
export type Route = (call: ServerCall) => CallHandler;

/** By path, `/package.Service/Method`. */
export type Routes = ReadonlyMap<string, Route>;

export interface GrpcServerOptions {
  readonly routes: Routes;
  /** Certificates for TCP; unix sockets never use TLS. */
  readonly tls?: TlsFiles | undefined;
}

/**
 * A gRPC server on unix sockets and TCP: HTTP/2 by Node, messages and statuses by us. gRPC is little more than a format
 * of bodies and trailers, and being close to the stream lets many events go out in one write.
 */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #servers: (Http2Server | Http2SecureServer)[] = [];
  readonly #secureServers: Http2SecureServer[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #calls = new Set<ServerCall>();
  #stopWatchingTls: (() => void) | undefined;
  #closing = false;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
  }

  /** Also serves this address; resolves with the address as it is now. Rejects with the system's error. */
  async listen(address: ServerAddress): Promise<ServerAddress> {
    const secure = address.kind === 'tcp' ? this.#options.tls : undefined;
    const server = secure === undefined ? createServer(httpOptions) : this.#createSecureServer(secure);
    this.#servers.push(server);
    server.maxConnections = maxConnections;
    server.on('connection', (socket: Socket) => socket.setKeepAlive(true, keepAliveMs));
    server.on('session', (session) => this.#trackSession(session));
    const peers = new WeakMap<object, Peer>();
    const peerOf = (stream: ServerHttp2Stream): Peer => {
      const session = stream.session!;
      const peer = peers.get(session) ?? identify(address, session as ServerHttp2Session);
      peers.set(session, peer);
      return peer;
    };
    server.on('stream', (stream, headers) => this.#serve(stream as ServerHttp2Stream, headers, peerOf));
    return listen(server, address);
  }

  /**
   * Ends every call, after what was sent to its client, and then the connections; a client that does not take it within
   * a second is cut off. Safe to call twice.
   */
  async close(): Promise<void> {
    this.#closing = true;
    this.#stopWatchingTls?.();
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const call of this.#calls) call.finish('UNAVAILABLE', 'The server stops');
    for (const session of this.#sessions) session.close();
    const impatience = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, closeTimeoutMs);
    await Promise.all(closed);
    clearTimeout(impatience);
  }

  #createSecureServer(tls: TlsFiles): Http2SecureServer {
    const server = createSecureServer({ ...httpOptions, ...tls.serverOptions(), allowHTTP1: false });
    /* A client without HTTP/2 or with a bad certificate is its own problem. */
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#secureServers.push(server);
    this.#stopWatchingTls ??= tls.watch((context) => {
      for (const each of this.#secureServers) each.setSecureContext(context);
    });
    return server;
  }

  #trackSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => this.#sessions.delete(session));
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peerOf: (stream: ServerHttp2Stream) => Peer): void {
    const type = headers['content-type'];
    if (headers[':method'] !== 'POST' || type === undefined || !/^application\/grpc(\+proto)?(;|$)/.test(type)) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const path = headers[':path'] ?? '';
    const call = new ServerCall(stream, peerOf(stream), this.#openSpan(path, headers));
    if (this.#closing) {
      call.finish('UNAVAILABLE', 'The server stops');
      return;
    }
    this.#calls.add(call);
    stream.on('close', () => this.#calls.delete(call));
    const route = this.#options.routes.get(path);
    if (route === undefined) {
      call.finish('UNIMPLEMENTED', `There is no method ${path} here`);
      return;
    }
    try {
      call.serve(route(call), headers);
    } catch (error) {
      call.fail(error);
    }
  }

  /** Undefined when nobody wants traces. */
  #openSpan(path: string, { traceparent }: IncomingHttpHeaders): OpenSpan | undefined {
    const [, service = '', method = ''] = this.#options.routes.has(path) ? path.split('/') : [];
    return openSpan(service === '' ? 'unknown method' : path.slice(1), {
      attributes: { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method },
      call: { traceparent: typeof traceparent === 'string' ? traceparent : undefined },
    });
  }
}

function identify(address: ServerAddress, session: ServerHttp2Session): Peer {
  if (address.kind === 'unix') return unixPeer;
  return session.encrypted === true ? tlsPeer(session.socket as TLSSocket) : plainPeer(session.socket);
}

/** Of one address; those who ask for one more are turned away. */
const maxConnections = 256;
/**
 * Megabytes from which on Node refuses new calls of a connection. What its streams of events have under way counts too, up
 * to 32 MiB each (get-events.ts): a client that is slow to read some of them is answered all the same.
 */
const maxSessionMemory = 128;
const httpOptions = {
  maxSessionMemory,
  settings: { maxConcurrentStreams: 128, initialWindowSize: 1024 * 1024 },
} as const;
/** A client whose machine vanished is found in some minutes. */
const keepAliveMs = 60_000;
const closeTimeoutMs = 1000;

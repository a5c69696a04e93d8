import { mkdtempSync, rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GrpcServer, type GrpcServerOptions } from './server.ts';

/** A server of a test on a socket of its own, and what closes it. */
export interface TestServer extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly socket: string;
  /** A connection below gRPC. */
  connect(): ClientHttp2Session;
}

export async function startTestServer(options: GrpcServerOptions): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-grpc-'));
  const socket = join(folder, 'test.sock');
  const server = new GrpcServer(options);
  const sessions: ClientHttp2Session[] = [];
  await server.listen({ kind: 'unix', path: socket });
  return {
    server,
    socket,
    connect: () => {
      const session = connect('http://localhost', { createConnection: () => connectSocket({ path: socket }) });
      sessions.push(session);
      return session;
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** What a server answered, below gRPC. */
export interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: string | undefined;
  readonly message: string | undefined;
  readonly body: Buffer;
}

/** Sends bytes as the body of a call, cut into pieces as given. */
export async function callRaw(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  pieces: readonly Buffer[],
): Promise<RawAnswer> {
  const stream = session.request({ ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', ...headers });
  let last: Readonly<Record<string, unknown>> = {};
  let httpStatus: number | undefined;
  stream.on('response', (response) => {
    httpStatus = response[':status'];
    last = { ...last, ...response };
  });
  stream.on('trailers', (trailers) => {
    last = { ...last, ...trailers };
  });
  for (const piece of pieces) {
    stream.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  const body: Buffer[] = [];
  for await (const piece of stream) body.push(piece as Buffer);
  const { 'grpc-status': status, 'grpc-message': message } = last;
  return {
    httpStatus,
    grpcStatus: status === undefined ? undefined : String(status),
    message: message === undefined ? undefined : String(message),
    body: Buffer.concat(body),
  };
}

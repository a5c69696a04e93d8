/**
 * Receivers of OTLP for tests, made of the protocol's definition (`otlp-logs.proto`), Node's HTTP server and grpc-js.
 * OpenTelemetry's Collector is neither in Debian's nor in npm's packages.
 */
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { decodeRequest, encodeResponse, type ReceivedRecord } from './otlp-messages.ts';

/** What a receiver answers to a request, instead of taking it. */
export interface OtlpAnswer {
  /** HTTP's or gRPC's status; undefined for success. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly trailers?: Metadata;
  /** Of success: the first records of the request count as rejected. */
  readonly rejected?: number;
  readonly message?: string;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly port: number;
  /** Records of all requests that were taken. */
  readonly records: readonly ReceivedRecord[];
  /** Headers of the last request. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Called for each request with the number of its records; without it all are taken. */
  answer: ((records: number) => OtlpAnswer) | undefined;
  /** Numbers of records of the requests that were taken. */
  readonly requests: readonly number[];
  /** How long it takes for a request with so many records. */
  delayMs: ((records: number) => number) | undefined;
  /** Ends all connections and takes no more. */
  stop(): Promise<void>;
  /** On the same port. */
  start(): Promise<void>;
}

export interface ReceiverTls {
  readonly key: Buffer;
  readonly cert: Buffer;
  /** Asks clients for a certificate of this authority. */
  readonly ca?: Buffer;
}

abstract class Receiver implements OtlpReceiver {
  port = 0;
  headers: Record<string, unknown> = {};
  answer: ((records: number) => OtlpAnswer) | undefined;
  delayMs: ((records: number) => number) | undefined;
  readonly #requests: ReceivedRecord[][] = [];
  /** Decoded when somebody looks: under load that takes longer than the agent needs to encode. */
  readonly #encoded: Buffer[] = [];

  get records(): readonly ReceivedRecord[] {
    return this.#decoded().flat();
  }

  get requests(): readonly number[] {
    return this.#decoded().map(({ length }) => length);
  }

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  protected async take(request: Buffer): Promise<OtlpAnswer> {
    if (this.answer === undefined && this.delayMs === undefined) {
      this.#encoded.push(request);
      return {};
    }
    const records = decodeRequest(request);
    const delayMs = this.delayMs?.(records.length) ?? 0;
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false });
    const answer = this.answer?.(records.length) ?? {};
    if (answer.status === undefined) this.#decoded().push(records.slice(answer.rejected ?? 0));
    return answer;
  }

  #decoded(): ReceivedRecord[][] {
    this.#requests.push(...this.#encoded.splice(0).map(decodeRequest));
    return this.#requests;
  }
}

class HttpReceiver extends Receiver {
  readonly #tls: ReceiverTls | undefined;
  #server: http.Server | undefined;

  constructor(tls: ReceiverTls | undefined) {
    super();
    this.#tls = tls;
  }

  async start(): Promise<void> {
    const handle: http.RequestListener = (request, response) => void this.#handle(request, response);
    this.#server = this.#tls
      ? https.createServer({ ...this.#tls, requestCert: this.#tls.ca !== undefined, rejectUnauthorized: true }, handle)
      : http.createServer(handle);
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    this.headers = { ...request.headers, ':path': request.url };
    const answer = await this.take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body);
    const isText = answer.status !== undefined;
    const type = isText ? 'text/plain' : 'application/x-protobuf';
    response.writeHead(answer.status ?? 200, { 'content-type': type, ...answer.headers });
    response.end(isText ? (answer.message ?? '') : encodeResponse(answer.rejected ?? 0, answer.message ?? ''));
  }
}

class GrpcReceiver extends Receiver {
  readonly #tls: ReceiverTls | undefined;
  #server: Server | undefined;

  constructor(tls: ReceiverTls | undefined) {
    super();
    this.#tls = tls;
  }

  async start(): Promise<void> {
    const server = new Server({ 'grpc-node.flow_control_window': 2 ** 22 });
    server.addService(
      {
        Export: {
          path: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { Export: (call: Call, done: sendUnaryData<Buffer>) => void this.#handle(call, done) },
    );
    this.port = await new Promise<number>((resolve, reject) => {
      const address = `127.0.0.1:${this.port}`;
      server.bindAsync(address, serverCredentials(this.#tls), (error, port) => (error ? reject(error) : resolve(port)));
    });
    this.#server = server;
  }

  async stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  async #handle(call: Call, done: sendUnaryData<Buffer>): Promise<void> {
    this.headers = call.metadata.getMap();
    const answer = await this.take(call.request);
    if (answer.status === undefined) {
      done(null, encodeResponse(answer.rejected ?? 0, answer.message ?? ''));
      return;
    }
    const error = { code: answer.status, details: answer.message ?? '' } as ServiceError;
    done(answer.trailers === undefined ? error : { ...error, metadata: answer.trailers });
  }
}

type Call = ServerUnaryCall<Buffer, Buffer>;

function serverCredentials(tls: ReceiverTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(
    tls.ca ?? null,
    [{ private_key: tls.key, cert_chain: tls.cert }],
    tls.ca !== undefined,
  );
}

export async function startOtlpReceiver(protocol: 'http/protobuf' | 'grpc', tls?: ReceiverTls): Promise<OtlpReceiver> {
  const receiver = protocol === 'grpc' ? new GrpcReceiver(tls) : new HttpReceiver(tls);
  await receiver.start();
  return receiver;
}

import {
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { apiFolder, servedFiles } from '../../src/grpc/api-root.ts';

// biome-ignore lint/suspicious/noExplicitAny: messages have many shapes
export type Message = any;

const definition = loadSync([...servedFiles], {
  includeDirs: [apiFolder],
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
  arrays: true,
});
const packages: Message = loadPackageDefinition(definition);

/** A client of gRPC's own library for Node, made from our copy of the API: it shares no code with our server. */
export class ReferenceClient {
  readonly #client: Message;

  /** `service` is a full name such as `tetragon.FineGuidanceSensors`. */
  constructor(address: string, service = 'tetragon.FineGuidanceSensors', channel = credentials.createInsecure()) {
    const Client = service.split('.').reduce((scope, name) => scope[name], packages);
    this.#client = new Client(address, channel);
  }

  call(method: string, request: object): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#client[method](request, (error: ServiceError | null, response: Message) => {
        if (error === null) resolve(response);
        else reject(new CallError(status[error.code] ?? String(error.code), error.details));
      });
    });
  }

  stream(method: string, request: object): ClientReadableStream<Message> {
    const stream = this.#client[method](request);
    stream.on('error', () => {});
    return stream;
  }

  /** A method with a stream in both directions: sends all requests, returns all answers. */
  converse(method: string, requests: readonly object[]): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      const answers: Message[] = [];
      const stream = this.#client[method]();
      stream.on('data', (answer: Message) => answers.push(answer));
      stream.on('error', reject);
      stream.on('end', () => resolve(answers));
      for (const request of requests) stream.write(request);
      stream.end();
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** How a call failed: `code` is the name of the status. */
export class CallError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * TLS and SASL PLAIN in front of the mock cluster, which has neither: relays the protocol, answers the two requests of an
 * authentication itself, and puts its own port where the broker names its address.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createPlainServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface KafkaProxy extends AsyncDisposable {
  readonly address: string;
  /** Of all authentications: `user:password`. */
  readonly logins: readonly string[];
}

export interface KafkaProxySettings {
  readonly tls?: TlsOptions;
  /** `user:password` that may pass; without it nobody needs to say who he is. */
  readonly login?: string;
}

export async function startKafkaProxy(broker: string, settings: KafkaProxySettings): Promise<KafkaProxy> {
  const logins: string[] = [];
  const sockets = new Set<Socket>();
  const [host, brokerPort] = broker.split(':') as [string, string];
  const onClient = (client: Socket): void => {
    const upstream = connect(Number(brokerPort), host);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
        sockets.delete(socket);
      });
    }
    const authentication = new Authentication(settings.login, logins);
    onFrame(client, (frame) => {
      const answer = authentication.answer(frame);
      if (answer === undefined) upstream.write(frame);
      else if (answer === 'refuse') client.destroy();
      else client.write(answer);
    });
    onFrame(upstream, (frame) => client.write(withAddress(frame, host, Number(brokerPort), port)));
  };
  const server = settings.tls ? createTlsServer(settings.tls, onClient) : createPlainServer(onClient);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    logins,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

class Authentication {
  readonly #login: string | undefined;
  readonly #logins: string[];
  #isDone: boolean;

  constructor(login: string | undefined, logins: string[]) {
    this.#login = login;
    this.#logins = logins;
    this.#isDone = login === undefined;
  }

  /** Undefined for a request that is the broker's. */
  answer(frame: Buffer): Buffer | 'refuse' | undefined {
    const api = frame.readInt16BE(4);
    const correlation = frame.subarray(8, 12);
    if (api === saslHandshake) {
      /* No error, one mechanism. */
      return framed(correlation, Buffer.from([0, 0, 0, 0, 0, 1, 0, 5]), Buffer.from('PLAIN'));
    }
    if (api === saslAuthenticate) {
      /* The token is what three texts with NUL between them end in: authorisation, user, password. */
      const token = frame.toString('latin1').slice(0, -1).split('\0').slice(-2).join(':');
      this.#logins.push(token);
      this.#isDone = token === this.#login;
      const error = this.#isDone ? 0 : saslAuthenticationFailed;
      /* Tags, error, no message, no bytes, lifetime, tags. */
      return framed(correlation, Buffer.from([0, 0, error, 0, 1, ...new Array(8).fill(0), 0]));
    }
    return this.#isDone || api === apiVersions ? undefined : 'refuse';
  }
}

const saslHandshake = 17;
const apiVersions = 18;
const saslAuthenticate = 36;
const saslAuthenticationFailed = 58;

function framed(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Calls back with each message, its length of four bytes included. */
function onFrame(socket: Socket, take: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}

/** A host's name is followed by its port, of four bytes, in every version of the response that lists brokers. */
function withAddress(frame: Buffer, host: string, port: number, ownPort: number): Buffer {
  const changed = Buffer.from(frame);
  const address = Buffer.concat([Buffer.from(host), Buffer.alloc(4)]);
  address.writeInt32BE(port, host.length);
  for (let at = changed.indexOf(address); at !== -1; at = changed.indexOf(address, at + 1)) {
    changed.writeInt32BE(ownPort, at + host.length);
  }
  return changed;
}

import { defaultSocket, findAgent } from '../../client/agent-address.ts';
import { AgentClient } from '../../client/agent-client.ts';
import { type ClientTls, GrpcClient } from '../../client/grpc-client.ts';
import { readCertificates, readKeyPair } from '../../config/certificates.ts';
import {
  parseServerAddress,
  type ServerAddress,
  serverAddressForms,
  serverAddressText,
} from '../../grpc/server-address.ts';
import { StatusError } from '../../grpc/status.ts';
import { InputError, UsageError } from '../errors.ts';

/** Options of every command that talks to an agent; names are those of Tetragon's client. */
export const connectionArguments = {
  'server-address': { type: 'string' },
  timeout: { type: 'string', default: '30s' },
  'tls-cert-file': { type: 'string' },
  'tls-key-file': { type: 'string' },
  'tls-ca-cert-files': { type: 'string' },
  'tls-server-name': { type: 'string' },
  'tls-skip-verify': { type: 'boolean', default: false },
} as const;

export const connectionUsage = `
  --server-address ADDRESS   agent to talk to: unix:///path or host:port (default: what
                             /var/run/tetragon/tetragon-info.json says)
  --timeout TIME             how long to wait for a connection (default 30s)
  --tls-cert-file FILE       certificate that shows who we are; with it, and any option below, TLS is used
  --tls-key-file FILE        its key
  --tls-ca-cert-files LIST   authorities that the agent's certificate is checked with, separated by commas
  --tls-server-name NAME     name in the agent's certificate, when it is not the host's
  --tls-skip-verify          trust any certificate
`;

export interface ConnectionValues {
  readonly 'server-address'?: string | undefined;
  readonly timeout: string;
  readonly 'tls-cert-file'?: string | undefined;
  readonly 'tls-key-file'?: string | undefined;
  readonly 'tls-ca-cert-files'?: string | undefined;
  readonly 'tls-server-name'?: string | undefined;
  readonly 'tls-skip-verify': boolean;
}

/** Runs `action` with a connection to the agent. What the agent refuses is an InputError, as is no agent at all. */
export async function withAgent<Result>(
  values: ConnectionValues,
  action: (client: AgentClient) => Promise<Result>,
): Promise<Result> {
  const address = addressOf(values);
  const client = await connect(address, values);
  try {
    return await action(client);
  } catch (error) {
    if (error instanceof StatusError) throw explainStatus(error, address);
    throw error;
  } finally {
    client.close();
  }
}

function addressOf({ 'server-address': text }: ConnectionValues): ServerAddress {
  if (text === undefined) return findAgent();
  const address = parseServerAddress(text);
  if (address === undefined)
    throw new UsageError(`--server-address "${text}" is not an address such as ${serverAddressForms}`);
  return address;
}

async function connect(address: ServerAddress, values: ConnectionValues): Promise<AgentClient> {
  const options = { address, tls: tlsOf(values), timeoutMs: parseTimeout(values.timeout) };
  try {
    return new AgentClient(await GrpcClient.connect(options));
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const target = serverAddressText(address);
    throw new InputError(
      `no agent answers at ${target}: ${error.message}`,
      `start one: jatai run --server-address ${values['server-address'] ?? `unix://${defaultSocket}`}`,
    );
  }
}

/** An agent that goes away in the middle is no bug of anybody's. */
function explainStatus(error: StatusError, address: ServerAddress): InputError {
  if (error.status === 'UNAVAILABLE') return new InputError(`${serverAddressText(address)}: ${error.message}`);
  return new InputError(`the agent refused: ${error.message}`);
}

function tlsOf(values: ConnectionValues): ClientTls | undefined {
  const { 'tls-cert-file': cert, 'tls-key-file': key, 'tls-ca-cert-files': ca, 'tls-server-name': name } = values;
  const skipVerify = values['tls-skip-verify'];
  if (cert === undefined && key === undefined && ca === undefined && name === undefined && !skipVerify)
    return undefined;
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError('--tls-cert-file and --tls-key-file are needed together');
  const authorities = (ca ?? '').split(',').filter((file) => file !== '');
  try {
    return {
      ...(cert === undefined || key === undefined ? {} : readKeyPair(cert, key)),
      ca: authorities.map(readCertificates),
      serverName: name,
      skipVerify,
    };
  } catch (error) {
    throw new InputError(`--tls-*: ${(error as Error).message}`);
  }
}

/** `30s`, `500ms`, `1m`; in milliseconds. */
export function parseTimeout(text: string, option = 'timeout'): number {
  const match = /^(\d+)(ms|s|m)$/.exec(text);
  const timeoutMs = match === null ? Number.NaN : Number(match[1]) * timeUnitsMs[match[2]!]!;
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31))
    throw new UsageError(`--${option} "${text}" is not a time such as 500ms, 30s or 1m`);
  return timeoutMs;
}

const timeUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

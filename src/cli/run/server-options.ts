import { type OptionValues, option, optional } from '../../config/option.ts';
import { booleanType, listType, textType } from '../../config/option-types.ts';
import { parseServerAddress, type ServerAddress, serverAddressForms } from '../../grpc/server-address.ts';
import { UsageError } from '../errors.ts';

/** Options of the gRPC server of `jatai run`; names are those of Tetragon's agent where it has them. */
export const serverOptions = {
  'server-address': option(
    listType('ADDRESS'),
    [],
    `serve Tetragon's gRPC API, for example at unix:///var/run/tetragon/tetragon.sock; may be given several times. Whoever may open the socket may change policies; over TCP that takes a client certificate`,
  ),
  'server-tls-cert-file': optional(textType('FILE'), 'certificate for TCP, read again when it changes'),
  'server-tls-key-file': optional(textType('FILE'), 'its key'),
  'server-tls-client-ca-files': option(listType('FILE'), [], 'authorities that sign certificates of clients'),
  'server-tls-require-client-cert': option(
    booleanType,
    false,
    'refuse clients without one, instead of letting them read',
  ),
  'health-server-address': optional(textType('ADDRESS'), 'serve the gRPC health service alone, for example at :6789'),
  'agent-info-file': option(
    textType('FILE'),
    '/var/run/tetragon/tetragon-info.json',
    'tells clients of this machine the address',
  ),
  'persist-grpc-policies': option(booleanType, false, 'keep policies of clients over a restart'),
  'persist-grpc-policies-dir': option(textType('DIR'), '/var/run/tetragon/grpc-policies', 'where'),
  'enable-deprecated-tracingpolicy-grpc': option(
    booleanType,
    false,
    'serve EnableTracingPolicy and DisableTracingPolicy, for clients that do not know ConfigureTracingPolicy',
  ),
} as const;

export interface ServerSettings {
  /** Empty when only health is served. */
  readonly addresses: readonly ServerAddress[];
  readonly healthAddress: ServerAddress | undefined;
  readonly tls: TlsSettings | undefined;
  readonly infoFile: string;
  /** Where policies of clients are kept; undefined when they are not. */
  readonly policyDirectory: string | undefined;
  readonly deprecatedMethods: boolean;
}

export interface TlsSettings {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFiles: readonly string[];
  readonly requireClientCert: boolean;
}

/** Undefined when no server is asked for. Throws a UsageError for what makes no sense together. */
export function serverSettings(values: OptionValues<typeof serverOptions>): ServerSettings | undefined {
  const addresses = values['server-address'].map((text) => parseAddress('server-address', text));
  const health = values['health-server-address'] ?? '';
  const healthAddress = health === '' ? undefined : parseAddress('health-server-address', health);
  const tls = tlsSettings(values);
  if (addresses.length === 0 && (tls !== undefined || values['persist-grpc-policies']))
    throw new UsageError('--persist-grpc-policies and --server-tls-* need --server-address');
  if (tls !== undefined && addresses.every(({ kind }) => kind === 'unix'))
    throw new UsageError('--server-tls-cert-file is for TCP; a unix socket is protected by its permissions');
  if (addresses.length === 0 && healthAddress === undefined) return undefined;
  return {
    addresses,
    healthAddress,
    tls,
    infoFile: values['agent-info-file'],
    policyDirectory: values['persist-grpc-policies'] ? values['persist-grpc-policies-dir'] : undefined,
    deprecatedMethods: values['enable-deprecated-tracingpolicy-grpc'],
  };
}

function parseAddress(name: string, text: string): ServerAddress {
  const address = parseServerAddress(text);
  if (address === undefined)
    throw new UsageError(`--${name} "${text}" is not an address such as ${serverAddressForms}`);
  return address;
}

function tlsSettings(values: OptionValues<typeof serverOptions>): TlsSettings | undefined {
  const certFile = values['server-tls-cert-file'];
  const keyFile = values['server-tls-key-file'];
  const clientCaFiles = values['server-tls-client-ca-files'];
  const requireClientCert = values['server-tls-require-client-cert'];
  if (certFile === undefined && keyFile === undefined) {
    if (clientCaFiles.length > 0 || requireClientCert)
      throw new UsageError('Certificates of clients need --server-tls-cert-file and --server-tls-key-file');
    return undefined;
  }
  if (certFile === undefined || keyFile === undefined)
    throw new UsageError('--server-tls-cert-file and --server-tls-key-file are needed together');
  if (requireClientCert && clientCaFiles.length === 0)
    throw new UsageError('--server-tls-require-client-cert needs --server-tls-client-ca-files');
  return { certFile, keyFile, clientCaFiles, requireClientCert };
}

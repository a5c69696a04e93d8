import type { TlsConfig } from '../tls-keys.ts';
import type { OtlpConfig } from './otlp.ts';

export const otlpProtocols = ['http/protobuf', 'grpc'] as const;
export const otlpCompressions = ['none', 'gzip'] as const;

/** Where and how log records are sent. */
export interface OtlpSettings {
  readonly protocol: (typeof otlpProtocols)[number];
  /** For HTTP with the path of the request; for gRPC only scheme, host and port count. */
  readonly url: URL;
  /** Asked for with each request: a secret may have been exchanged. Names are in lower case. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly compression: (typeof otlpCompressions)[number];
  /** Of one request; undefined when the environment sets none. */
  readonly timeoutMs: number | undefined;
  readonly tls: TlsConfig | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Settings of an output, completed by OpenTelemetry's environment variables: those for logs before those for all signals.
 * Throws an Error that names the variable that cannot be used.
 */
export function otlpSettings(config: OtlpConfig, environment: Environment): OtlpSettings {
  const protocol =
    config.protocol ?? choice(environment, 'PROTOCOL', [...otlpProtocols, 'http/json']) ?? 'http/protobuf';
  if (protocol === 'http/json')
    throw new Error('OTEL_EXPORTER_OTLP_PROTOCOL: http/json is not supported; use http/protobuf');
  const url = endpoint(config, protocol, environment);
  return {
    protocol,
    url,
    headers: headers(config, environment),
    compression: config.compression ?? choice(environment, 'COMPRESSION', otlpCompressions) ?? 'none',
    timeoutMs: timeout(environment),
    tls: url.protocol === 'https:' ? (config.tls ?? tlsOfEnvironment(environment)) : undefined,
  };
}

/** What cannot be used of the environment that an output depends on; undefined when all can. */
export function environmentProblem(config: OtlpConfig, environment: Environment): string | undefined {
  try {
    otlpSettings(config, environment);
    pairsOf(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '', 'OTEL_RESOURCE_ATTRIBUTES');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function endpoint(config: OtlpConfig, protocol: OtlpSettings['protocol'], environment: Environment): URL {
  const forLogs = config.endpoint === undefined ? environment[`${prefix}LOGS_ENDPOINT`]?.trim() : undefined;
  if (forLogs) return parseUrl(withScheme(forLogs, environment), `${prefix}LOGS_ENDPOINT`);
  const initial = protocol === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318';
  const given = config.endpoint ?? environment[`${prefix}ENDPOINT`]?.trim();
  const url = parseUrl(withScheme(given || initial, environment), `${prefix}ENDPOINT`);
  if (protocol === 'grpc' || url.pathname.endsWith(logsPath)) return url;
  url.pathname = `${url.pathname.replace(/\/$/, '')}${logsPath}`;
  return url;
}

/** For gRPC the variables may hold `host:port`; whether that is encrypted says one of its own. */
function withScheme(address: string, environment: Environment): string {
  if (/^\w+:\/\//.test(address)) return address;
  return variable(environment, 'INSECURE')?.value.toLowerCase() === 'true' ? `http://${address}` : `https://${address}`;
}

function parseUrl(text: string, name: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Error(`${name}: ${JSON.stringify(text)} is not a URL of http or https`);
  return url;
}

function headers(config: OtlpConfig, environment: Environment): OtlpSettings['headers'] {
  const given: Record<string, string> = {};
  for (const name of [`${prefix}HEADERS`, `${prefix}LOGS_HEADERS`]) {
    for (const [header, value] of Object.entries(pairsOf(environment[name] ?? '', name)))
      given[header.toLowerCase()] = value;
  }
  return () => {
    const all = { ...given };
    for (const [name, secret] of Object.entries(config.headers)) all[name.toLowerCase()] = secret.read();
    return all;
  };
}

/**
 * `a=1,b=two%20words`, the form of lists in these variables. Throws an Error that begins with `variable`; it shows no whole value,
 * which may be a secret.
 */
export function pairsOf(text: string, variable: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const match = /^\s*([^=\s]+)\s*=(.*)$/.exec(pair);
      const value = match === null ? undefined : decoded(match[2]!.trim());
      if (value === undefined) throw new Error(`${variable}: ${JSON.stringify(pair.slice(0, 8))}... is not NAME=VALUE`);
      return [match![1]!, value];
    }),
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function timeout(environment: Environment): number | undefined {
  const found = variable(environment, 'TIMEOUT');
  if (found === undefined) return undefined;
  const milliseconds = Number(found.value);
  if (!(milliseconds > 0 && milliseconds <= longestTimerMs))
    throw new Error(
      `${found.name}: ${JSON.stringify(found.value)} is not a number of milliseconds from 1 to ${longestTimerMs}`,
    );
  return Math.ceil(milliseconds);
}

function tlsOfEnvironment(environment: Environment): TlsConfig {
  return {
    ca: variable(environment, 'CERTIFICATE')?.value,
    cert: variable(environment, 'CLIENT_CERTIFICATE')?.value,
    key: variable(environment, 'CLIENT_KEY')?.value,
    serverName: undefined,
    insecureSkipVerify: false,
  };
}

function choice<const Choice extends string>(
  environment: Environment,
  suffix: string,
  choices: readonly Choice[],
): Choice | undefined {
  const found = variable(environment, suffix);
  if (found === undefined) return undefined;
  const chosen = choices.find((one) => one === found.value);
  if (chosen === undefined)
    throw new Error(`${found.name}: ${JSON.stringify(found.value)} is not one of ${choices.join(', ')}`);
  return chosen;
}

/** Empty variables count as missing ones, as OpenTelemetry has it. */
function variable(
  environment: Environment,
  suffix: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const name of [`${prefix}LOGS_${suffix}`, `${prefix}${suffix}`]) {
    const value = environment[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

const longestTimerMs = 2 ** 31 - 1;
const prefix = 'OTEL_EXPORTER_OTLP_';
const logsPath = '/v1/logs';

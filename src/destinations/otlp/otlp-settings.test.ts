import { expect, test } from 'vitest';
import { defaultsOf } from '../../config/key-table.ts';
import { destinationType, type OtlpConfig } from './otlp.ts';
import { environmentProblem, otlpSettings } from './otlp-settings.ts';

const nothing = defaultsOf(destinationType.keys) as OtlpConfig;

test.each<[string, Partial<OtlpConfig>, Record<string, string>, string]>([
  ['the default for HTTP', {}, {}, 'http://localhost:4318/v1/logs'],
  ['the default for gRPC', { protocol: 'grpc' }, {}, 'http://localhost:4317/'],
  ['a key of the output', { endpoint: 'https://a:1' }, { ENDPOINT: 'http://b:2' }, 'https://a:1/v1/logs'],
  ['a key with a path', { endpoint: 'https://a:1/otlp/' }, {}, 'https://a:1/otlp/v1/logs'],
  ['a key with the whole path', { endpoint: 'https://a:1/otlp/v1/logs' }, {}, 'https://a:1/otlp/v1/logs'],
  ['the variable for all signals', {}, { ENDPOINT: 'http://b:2/x' }, 'http://b:2/x/v1/logs'],
  ['the variable for logs, as it is', {}, { ENDPOINT: 'http://b:2', LOGS_ENDPOINT: 'http://c:3/in' }, 'http://c:3/in'],
  ['gRPC without a scheme', { protocol: 'grpc' }, { ENDPOINT: 'b:2' }, 'https://b:2/'],
  ['gRPC without encryption', { protocol: 'grpc' }, { ENDPOINT: 'b:2', INSECURE: 'true' }, 'http://b:2/'],
  ['an empty variable', {}, { ENDPOINT: ' ' }, 'http://localhost:4318/v1/logs'],
])('the endpoint: %s', (_, config, variables, url) => {
  expect(otlpSettings({ ...nothing, ...config }, environment(variables)).url.href).toBe(url);
});

test('the environment completes what an output does not say', () => {
  const variables = environment({
    PROTOCOL: 'grpc',
    COMPRESSION: 'gzip',
    LOGS_TIMEOUT: '1500',
    TIMEOUT: '9000',
    ENDPOINT: 'https://b:2',
    CERTIFICATE: '/ca.pem',
    CLIENT_CERTIFICATE: '/own.pem',
    LOGS_CLIENT_KEY: '/own.key',
    HEADERS: 'a=1,B=two%20words',
    LOGS_HEADERS: 'a=3',
  });
  const settings = otlpSettings({ ...nothing, headers: { C: { read: () => 'four' } } }, variables);
  expect(settings).toMatchObject({
    protocol: 'grpc',
    compression: 'gzip',
    timeoutMs: 1500,
    tls: { ca: '/ca.pem', cert: '/own.pem', key: '/own.key' },
  });
  expect(settings.headers()).toEqual({ a: '3', b: 'two words', c: 'four' });
});

test.each<[Record<string, string>, string]>([
  [{ PROTOCOL: 'http/json' }, 'OTEL_EXPORTER_OTLP_PROTOCOL: http/json is not supported; use http/protobuf'],
  [{ LOGS_PROTOCOL: 'soap' }, 'OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "soap" is not one of http/protobuf, grpc, http/json'],
  [{ COMPRESSION: 'zip' }, 'OTEL_EXPORTER_OTLP_COMPRESSION: "zip" is not one of none, gzip'],
  [{ TIMEOUT: 'soon' }, 'OTEL_EXPORTER_OTLP_TIMEOUT: "soon" is not a number of milliseconds from 1 to 2147483647'],
  [{ TIMEOUT: '1e12' }, 'OTEL_EXPORTER_OTLP_TIMEOUT: "1e12" is not a number of milliseconds from 1 to 2147483647'],
  [{ ENDPOINT: 'ftp://x' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://x" is not a URL of http or https'],
  [{ HEADERS: 'secrets-go-here' }, 'OTEL_EXPORTER_OTLP_HEADERS: "secrets-"... is not NAME=VALUE'],
])('%o is refused', (variables, message) => {
  expect(() => otlpSettings(nothing, environment(variables))).toThrow(message);
  expect(environmentProblem(nothing, environment(variables))).toBe(message);
});

function environment(variables: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value]));
}

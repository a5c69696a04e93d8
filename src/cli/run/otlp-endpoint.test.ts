import { describe, expect, test } from 'vitest';
import { asksForOtlp, otlpUrlType } from './otlp-endpoint.ts';

describe('an address for OTLP', () => {
  const { parse, show } = otlpUrlType('/v1/metrics');

  test('gets the path of the protocol when it has none', () => {
    expect(parse('http://collector:4318')).toBe('http://collector:4318/v1/metrics');
    expect(parse('https://collector:4318/')).toBe('https://collector:4318/v1/metrics');
    expect(parse('https://example.com/otlp/metrics?tenant=1')).toBe('https://example.com/otlp/metrics?tenant=1');
    expect(parse('')).toBeUndefined();
    expect(show(parse('http://a'))).toBe('http://a/v1/metrics');
  });

  test('is a URL', () => {
    for (const text of ['collector:4318', 'localhost', 'grpc://collector:4317', '/v1/metrics'])
      expect(() => parse(text)).toThrow('an address such as http://localhost:4318');
  });
});

describe('the environment', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

  test('asks for all by one variable, or for one by its own', () => {
    expect(asksForOtlp('METRICS', {})).toBe(false);
    expect(asksForOtlp('METRICS', { OTEL_EXPORTER_OTLP_ENDPOINT: '' })).toBe(false);
    expect([asksForOtlp('METRICS', endpoint), asksForOtlp('TRACES', endpoint)]).toEqual([true, true]);
    const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' };
    expect([asksForOtlp('METRICS', traces), asksForOtlp('TRACES', traces)]).toEqual([false, true]);
  });

  test('may say no', () => {
    expect(asksForOtlp('METRICS', { ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBe(false);
    expect(asksForOtlp('METRICS', { ...endpoint, OTEL_METRICS_EXPORTER: 'none' })).toBe(false);
    expect(asksForOtlp('TRACES', { ...endpoint, OTEL_METRICS_EXPORTER: 'none' })).toBe(true);
  });
});

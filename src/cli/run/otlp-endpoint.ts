import type { OptionType } from '../../config/option-types.ts';

/** `http://collector:4318`: `path` is added when the address has none. Empty for nowhere. */
export function otlpUrlType(path: string): OptionType<string | undefined> {
  return {
    placeholder: 'URL',
    parse: (text) => {
      if (text === '') return undefined;
      const url = URL.parse(text);
      if (url === null || !['http:', 'https:'].includes(url.protocol))
        throw new Error('an address such as http://localhost:4318');
      if (url.pathname === '/') url.pathname = path;
      return url.href;
    },
    show: (url) => url ?? '',
  };
}

/** Whether the environment asks for it by the variables of OpenTelemetry, which its exporters read themselves. */
export function asksForOtlp(
  signal: 'METRICS' | 'TRACES',
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if (environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  if (environment[`OTEL_${signal}_EXPORTER`] === 'none') return false;
  return Boolean(environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || environment['OTEL_EXPORTER_OTLP_ENDPOINT']);
}

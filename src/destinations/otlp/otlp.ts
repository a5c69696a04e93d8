import { group, type KeyValues, mapOf, optionalKey, scalar, withDefault } from '../../config/key-table.ts';
import { choiceType, type OptionType, textType } from '../../config/option-types.ts';
import { secretValue } from '../../config/secret-key.ts';
import type { DestinationType } from '../destination-type.ts';
import { tlsKeys } from '../tls-keys.ts';
import { environmentProblem, otlpCompressions, otlpProtocols } from './otlp-settings.ts';

const urlType: OptionType<string> = {
  placeholder: 'URL',
  parse: (text) => {
    if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
      throw new Error('a URL such as https://collector.example.com:4318');
    }
    return text;
  },
  show: (text) => text,
};

/** What is not given comes from the variables `OTEL_EXPORTER_OTLP_*`, and then from OpenTelemetry's own defaults. */
const keys = {
  protocol: optionalKey(scalar(choiceType(otlpProtocols))),
  /** For HTTP without `/v1/logs`, which is added. */
  endpoint: optionalKey(scalar(urlType)),
  headers: withDefault(mapOf(secretValue), {}),
  compression: optionalKey(scalar(choiceType(otlpCompressions))),
  /** The event as a map that backends can ask for members of, or as the text of its JSON. */
  body: withDefault(scalar(choiceType(['map', 'json'])), 'map'),
  /** Attributes of the resource, beside those that say which machine this is. */
  resource: withDefault(mapOf(scalar(textType('TEXT'))), {}),
  tls: optionalKey(group(tlsKeys)),
} as const;

export type OtlpConfig = KeyValues<typeof keys>;

/** Log records to an OpenTelemetry Collector, or whatever takes OTLP. Its packages are loaded with the first output. */
export const destinationType: DestinationType<OtlpConfig> = {
  keys,
  check: (config, problem) => {
    const { endpoint, tls, headers } = config;
    const inEnvironment = environmentProblem(config, process.env);
    if (inEnvironment !== undefined)
      problem('type', inEnvironment, 'Correct the variable, or set the key of the output.');
    for (const name of Object.keys(headers)) {
      if (!/^[\w.-]+$/.test(name)) problem('headers', `${JSON.stringify(name)} is not the name of a header`);
    }
    if (tls !== undefined && endpoint?.startsWith('http:')) {
      problem('endpoint', 'The endpoint is not encrypted, but there are settings for TLS', 'Write https://.');
    }
  },
  open: async (config, context) => {
    const { OtlpDestination } = await import('./otlp-destination.ts');
    return new OtlpDestination(config, context);
  },
};

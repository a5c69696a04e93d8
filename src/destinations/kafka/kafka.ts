import {
  group,
  type KeyValues,
  listOf,
  optionalKey,
  required,
  scalar,
  type ValueReader,
  withDefault,
} from '../../config/key-table.ts';
import { booleanType, choiceType, type OptionType, textType } from '../../config/option-types.ts';
import { secretValue } from '../../config/secret-key.ts';
import type { DestinationType } from '../destination-type.ts';
import { tlsKeys } from '../tls-keys.ts';

const brokerType: OptionType<string> = {
  placeholder: 'HOST:PORT',
  parse: (text) => {
    const port = Number(
      /^(?:[^:\s]+|\[[0-9a-fA-F:.]+\])(?::(\d+))?$/.exec(text)?.[1] ?? (text.includes(':') ? '' : 9092),
    );
    if (!(port >= 1 && port <= 65_535)) throw new Error('a broker such as kafka-1.example.com:9092');
    return text;
  },
  show: (text) => text,
};

const brokerList: ValueReader<readonly string[]> = (node, report) => {
  if (node.kind === 'list' && node.items.length === 0) report(node.position, 'Expected at least one broker');
  return listOf(scalar(brokerType))(node, report);
};

const saslKeys = {
  mechanism: required(scalar(choiceType(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']))),
  username: optionalKey(secretValue),
  password: optionalKey(secretValue),
  /** Of OAUTHBEARER. */
  token: optionalKey(secretValue),
} as const;

const keys = {
  /** Any broker that answers tells of all others. */
  brokers: required(brokerList),
  topic: required(scalar(textType('TOPIC'))),
  /** What chooses the partition, within which events stay in order: their process, this node, or nothing. */
  key: withDefault(scalar(choiceType(['process', 'node', 'none'])), 'process'),
  compression: withDefault(scalar(choiceType(['none', 'gzip', 'snappy', 'lz4', 'zstd'])), 'none'),
  clientId: withDefault(scalar(textType('NAME')), 'jatai'),
  /** Whether the broker may make a topic that is not there. */
  createTopic: withDefault(scalar(booleanType), false),
  sasl: optionalKey(group(saslKeys)),
  /** Connections are encrypted when this is there, even if empty. */
  tls: optionalKey(group(tlsKeys)),
} as const;

export type KafkaConfig = KeyValues<typeof keys>;

/** Messages to a topic of Apache Kafka, or of what speaks its protocol. The client is loaded with the first output. */
export const destinationType: DestinationType<KafkaConfig> = {
  keys,
  check: ({ topic, sasl }, problem) => {
    if (topic !== undefined && !/^[\w.-]{1,249}$/.test(topic)) {
      problem(
        'topic',
        `${JSON.stringify(topic)} is not a name of a topic`,
        'Use up to 249 of A-Z, a-z, 0-9, ".", "_", "-".',
      );
    }
    if (sasl === undefined) return;
    const needed = sasl.mechanism === 'OAUTHBEARER' ? (['token'] as const) : (['username', 'password'] as const);
    for (const key of needed) {
      if (sasl[key] === undefined) problem('sasl', `${sasl.mechanism} needs the key "${key}"`);
    }
  },
  open: async (config, context) => {
    const { KafkaDestination } = await import('./kafka-destination.ts');
    return new KafkaDestination(config, context);
  },
};

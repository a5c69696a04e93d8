import {
  defaultedGroup,
  describe,
  group,
  type KeyValues,
  listOf,
  optionalKey,
  required,
  scalar,
  type ValueReader,
  withDefault,
} from '../config/key-table.ts';
import {
  booleanType,
  choiceType,
  countType,
  durationType,
  fileModeType,
  type OptionType,
  sizeType,
  textType,
} from '../config/option-types.ts';
import { defaultAggregation, longestWindowMs, mostAggregatedEvents } from '../export/aggregation.ts';
import { defaultBufferBytes } from '../export/buffered-output.ts';
import type { FilterObject } from '../filters/filter-json.ts';
import type { SourceNode } from '../policy/source.ts';

/** Letters, digits and `._-`: a label of metrics, and a word of messages. */
const nameType: OptionType<string> = {
  ...textType('NAME'),
  parse: (text) => {
    if (/^[A-Za-z0-9][\w.-]{0,62}$/.test(text)) return text;
    throw new Error('a name of letters, digits, ".", "_" and "-"');
  },
};

const windowType: OptionType<number> = {
  ...durationType,
  parse: (text) => {
    const windowMs = durationType.parse(text);
    if (windowMs > 0 && windowMs <= longestWindowMs) return windowMs;
    throw new Error('a time up to an hour');
  },
};

/** Without any time an attempt would end before it begins, or follow the one before at once. */
const someTime: OptionType<number> = {
  ...durationType,
  parse: (text) => {
    const timeMs = durationType.parse(text);
    if (timeMs > 0) return timeMs;
    throw new Error('a time above 0');
  },
};

/** Objects as Tetragon's API defines them; `where` is the line and column of each. */
const filterObjects = listOf<FilterObject>((node, report) => {
  const values = plainValue(node);
  if (node.kind === 'map') {
    return {
      values: values as Record<string, unknown>,
      where: `${node.position.line}:${node.position.column}`,
    };
  }
  report(
    node.position,
    `Expected a filter, found ${describe(node)}`,
    'Write {event_set: [PROCESS_EXEC]}, for example.',
  );
  return undefined;
});

export const schemaNames = ['tetragon', 'ocsf', 'ecs'] as const;

/** The keys of every output. */
export const outputKeys = {
  name: required(scalar(nameType)),
  type: required(scalar(textType('TYPE'))),
  schema: withDefault(scalar(choiceType(schemaNames)), 'tetragon'),
  allowList: withDefault(filterObjects, []),
  denyList: withDefault(filterObjects, []),
  fieldFilters: withDefault(filterObjects, []),
  /** Events per minute. */
  rateLimit: optionalKey(scalar(countType('N'))),
  sequenceNumbers: withDefault(scalar(booleanType), false),
  /** Joins equal events; not without it. */
  aggregation: optionalKey(
    group({
      window: withDefault(scalar(windowType), defaultAggregation.windowMs),
      maxEvents: withDefault(
        scalar(countType('N', { min: 1, max: mostAggregatedEvents })),
        defaultAggregation.maxEvents,
      ),
    }),
  ),
  bufferSize: withDefault(scalar(sizeType({ min: 2 ** 16, max: 2 ** 30 })), defaultBufferBytes),
} as const;

/** Besides them, those of outputs that deliver to a receiver. */
export const deliveryKeys = {
  onFull: withDefault(scalar(choiceType(['dropNewest', 'dropOldest'])), 'dropNewest'),
  batch: defaultedGroup({
    maxEvents: withDefault(scalar(countType('N', { min: 1, max: 100_000 })), 500),
    maxBytes: withDefault(scalar(sizeType({ min: 1024, max: 2 ** 26 })), 2 ** 20),
    maxDelay: withDefault(scalar(durationType), 1000),
  }),
  retry: defaultedGroup({
    initialDelay: withDefault(scalar(someTime), 1000),
    maxDelay: withDefault(scalar(someTime), 30_000),
    giveUpAfter: withDefault(scalar(durationType), 0),
  }),
  timeout: withDefault(scalar(someTime), 10_000),
} as const;

/** Besides the common ones, those of `type: file`. */
export const fileKeys = {
  path: required(absolutePath()),
  permissions: withDefault(scalar(fileModeType), 0o600),
  /** 0 for no limit. */
  maxSize: withDefault(scalar(sizeType()), 10 * 2 ** 20),
  maxBackups: withDefault(scalar(countType('N')), 5),
  rotationInterval: withDefault(scalar(durationType), 0),
  compress: withDefault(scalar(booleanType), false),
} as const;

export type CommonOutput = KeyValues<typeof outputKeys>;
export type DeliveryConfig = KeyValues<typeof deliveryKeys>;
export type FileConfig = KeyValues<typeof fileKeys>;

/** The agent's working directory is nobody's business. */
function absolutePath(): ValueReader<string> {
  return (node, report) => {
    const path = scalar(textType('PATH'))(node, report);
    if (path === undefined || path.startsWith('/')) return path;
    report(node.position, `${JSON.stringify(path)} is not an absolute path`, 'Write the path from / on.');
    return undefined;
  };
}

function plainValue(node: SourceNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map':
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, plainValue(value)]));
    default:
      return node satisfies never;
  }
}

import type { EventSelection } from '../../client/event-selection.ts';
import { compileRegex } from '../../filters/linear-regex.ts';
import { suggest } from '../../policy/suggest.ts';
import { UsageError } from '../errors.ts';

const list = { type: 'string', multiple: true, default: [] as string[] } as const;

/** Options that choose events; names are those of `tetra getevents`. Each may be given several times. */
export const selectionArguments = {
  'event-types': { ...list, short: 'e' },
  'include-fields': { ...list, short: 'f' },
  'exclude-fields': { ...list, short: 'F' },
  namespace: { ...list, short: 'n' },
  namespaces: list,
  'namespace-regex': list,
  process: list,
  processes: list,
  pod: list,
  pods: list,
  containers: list,
  host: { type: 'boolean', default: false },
  'policy-names': list,
  'cel-expression': list,
  pid: list,
} as const;

export const selectionUsage = `
  -e, --event-types LIST     PROCESS_EXEC, PROCESS_EXIT, PROCESS_KPROBE, ...
  -f, --include-fields LIST  show only these fields of events, for example process.binary,process.arguments
  -F, --exclude-fields LIST  leave these fields out
  --process, --processes RE  regular expressions for binaries
  --pid LIST                 process ids
  --policy-names LIST        policies
  -n, --namespace, --namespaces LIST   namespaces of pods
  --namespace-regex RE       regular expressions for them
  --pod, --pods RE           regular expressions for names of pods
  --containers RE            regular expressions for names of containers
  --host                     processes outside of pods
  --cel-expression TEXT      expression over the event, for example: process_exec.process.pid == uint(1)
  Lists are separated by commas; every option may be given several times.
`;

export type SelectionValues = Readonly<Record<Exclude<keyof typeof selectionArguments, 'host'>, readonly string[]>> & {
  readonly host: boolean;
};

/** Throws a UsageError for what no event can match. */
export function parseSelection(values: SelectionValues): EventSelection {
  return {
    eventTypes: commaSeparated(values['event-types']).map(eventType),
    namespaces: commaSeparated([...values.namespace, ...values.namespaces]),
    namespaceRegexes: regexes('namespace-regex', values['namespace-regex']),
    processes: regexes('process', [...values.process, ...values.processes]),
    pods: regexes('pod', [...values.pod, ...values.pods]),
    containers: regexes('containers', values.containers),
    host: values.host,
    policyNames: commaSeparated(values['policy-names']),
    celExpressions: [...values['cel-expression']],
    pids: commaSeparated(values.pid).map(parsePid),
    includeFields: commaSeparated(values['include-fields']),
    excludeFields: commaSeparated(values['exclude-fields']),
  };
}

function commaSeparated(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',')).filter((text) => text !== '');
}

function eventType(text: string): string {
  const name = text.toUpperCase();
  if (eventTypes.includes(name)) return name;
  const hint = suggest(name, eventTypes);
  throw new UsageError(`Unknown event type "${text}". ${hint === '' ? `One of ${eventTypes.join(', ')}` : hint}`);
}

function parsePid(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--pid "${text}" is not a process id`);
  return Number(text);
}

function regexes(option: string, texts: readonly string[]): string[] {
  for (const text of texts) {
    try {
      compileRegex(text);
    } catch (error) {
      throw new UsageError(`--${option} "${text}": ${(error as Error).message}`);
    }
  }
  return [...texts];
}

/** `EventType` of the API. */
const eventTypes = [
  'PROCESS_EXEC',
  'PROCESS_EXIT',
  'PROCESS_KPROBE',
  'PROCESS_TRACEPOINT',
  'PROCESS_LOADER',
  'PROCESS_UPROBE',
  'PROCESS_THROTTLE',
  'PROCESS_LSM',
  'PROCESS_USDT',
  'TEST',
  'RATE_LIMIT_INFO',
];

import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { destination, type Logger, pino } from 'pino';
import { Agent } from '../agent/agent.ts';
import { PolicyLoader } from '../agent/policy-files.ts';
import type { ApplyResult } from '../agent/policy-manager.ts';
import type { EventSink } from '../events/event-sink.ts';
import { colorsFor } from '../export/colors.ts';
import { CompactSink } from '../export/compact.ts';
import { JsonSink, openJsonFile } from '../export/json-file.ts';
import { stdoutOutput } from '../export/stdout.ts';
import { collectFacts } from '../kernel/facts.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy, PolicyMode } from '../policy/model.ts';
import { printDiagnostics } from '../policy/print-diagnostic.ts';
import { UsageError } from './errors.ts';
import { readObjects } from './object-files.ts';

export const runUsage = `Usage: jatai run [--policy FILE|DIR]... [options]

Starts the agent and prints events until it is interrupted. Without --policy it gives process events.
SIGHUP reads the policies again and switches to them without a gap.

  --policy FILE|DIR     policies to load; may be given several times
  -o, --output FORMAT   json or compact on standard output (default: compact on a terminal, else json)
  --export FILE         append events as JSON lines to a file (mode 0600)
  --mode MODE           enforce or monitor, whatever the policies say in policy-mode
  --duration TIME       stop after this time: 500ms, 30s, 5m, 1h
  --strict              end with status 1 when anything cannot be loaded as asked
  --enable-process-cred show credentials and capabilities of processes
  --enable-process-ns   show namespaces of processes
  --ring-size SIZE      bytes of the event ring (default 32M), rounded up to a power of two; suffix K, M or G
  --color WHEN          auto, always or never
  --log-level LEVEL     trace, debug, info, warn, error (default warn)
`;

interface RunOptions {
  readonly policies: readonly string[];
  readonly output: 'json' | 'compact' | 'none';
  readonly export: string | undefined;
  readonly mode: PolicyMode | undefined;
  readonly durationMs: number | undefined;
  readonly strict: boolean;
  readonly withCredentials: boolean;
  readonly withNamespaces: boolean;
  readonly ringSize: number | undefined;
  readonly color: 'auto' | 'always' | 'never';
  readonly logLevel: string;
}

/** `jatai run`: returns the exit status. */
export async function runCommand(args: string[]): Promise<number> {
  const options = parseRunOptions(args);
  if (options === undefined) {
    process.stdout.write(runUsage);
    return 0;
  }
  /* Standard output belongs to the events. */
  const log = pino({ name: 'jatai', level: options.logLevel }, destination({ fd: 2, sync: true }));
  const loader = new PolicyLoader(options.policies);
  const facts = collectFacts();
  const agent = new Agent({
    facts,
    objects: readObjects(facts),
    sinks: openSinks(options, log),
    nodeName: nodeName(),
    log,
    sourceText: (file, line) => loader.sourceText(file, line),
    withCredentials: options.withCredentials,
    withNamespaces: options.withNamespaces,
    ...(options.ringSize === undefined ? {} : { ringSize: options.ringSize }),
  });
  try {
    /* First of all: a signal may come as soon as the line says that we are ready. */
    const interrupted = listenForSignals(() => load(agent, loader, options, 'reloaded'), log);
    const complete = load(agent, loader, options, 'ready');
    if (!complete && options.strict) return 1;
    await endOf(interrupted, options.durationMs);
    return 0;
  } finally {
    agent.close();
  }
}

/** Loads the policies as they are on disk now. Returns whether all of them are active as asked. */
function load(agent: Agent, loader: PolicyLoader, options: RunOptions, word: string): boolean {
  const files = loader.load();
  const policies = files.policies.map((policy) =>
    options.mode === undefined ? policy : withMode(policy, options.mode),
  );
  const result = agent.setPolicies(policies);
  const errors = files.diagnostics.filter(({ severity }) => severity === 'error').length + files.unreadable.length;
  for (const { path, reason } of files.unreadable) process.stderr.write(`${path}: error: ${reason}\n`);
  process.stderr.write(printDiagnostics([...files.diagnostics, ...joinEqual(result.degraded)], loader.texts));
  for (const { policy, diagnostics } of result.refused) {
    const extent = result.loaded.includes(policy) ? 'in part' : 'whole';
    process.stderr.write(`refused ${extent}: policy ${policy.name}\n`);
    process.stderr.write(printDiagnostics(diagnostics, loader.texts));
  }
  process.stderr.write(`${readyLine(word, result, errors)}\n`);
  return errors === 0 && result.refused.length === 0 && result.degraded.length === 0;
}

/** What is true of several hooks in the same words is said once. */
function joinEqual(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...Map.groupBy(diagnostics, ({ code, message }) => `${code} ${message}`).values()].map((equal) => {
    const first = equal[0]!;
    const others = equal.length - 1;
    if (others === 0) return first;
    return { ...first, message: `${first.message} (so at ${others} more hook${others === 1 ? '' : 's'})` };
  });
}

function readyLine(word: string, result: ApplyResult, errors: number): string {
  const refusals = result.refused.reduce((sum, { diagnostics }) => sum + diagnostics.length, errors);
  return `${word}: ${result.loaded.length} policies, ${result.hookCount} hooks, ${refusals} refused`;
}

const policiesInMode = new WeakMap<object, Map<PolicyMode, Policy>>();

/** The policy in another mode; the same object each time, so that its programs stay. */
function withMode(policy: Policy, mode: PolicyMode): Policy {
  if (policy.mode === mode) return policy;
  const known = policiesInMode.get(policy) ?? new Map();
  policiesInMode.set(policy, known);
  const changed = known.get(mode) ?? { ...policy, mode };
  known.set(mode, changed);
  return changed;
}

/** Calls `reload` at each SIGHUP; resolves at the first SIGINT or SIGTERM. */
async function listenForSignals(reload: () => void, log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const hangUp = () => {
    log.info('reloading the policies');
    reload();
  };
  process.once('SIGINT', resolve).once('SIGTERM', resolve).on('SIGHUP', hangUp);
  await promise;
  process.removeListener('SIGHUP', hangUp);
}

async function endOf(interrupted: Promise<void>, durationMs: number | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = durationMs === undefined ? undefined : setTimeout(resolve, durationMs);
  await Promise.race([interrupted, promise]);
  clearTimeout(timer);
}

function openSinks(options: RunOptions, log: Logger): EventSink[] {
  const sinks: EventSink[] = [];
  const report = (message: string) => {
    log.warn(message);
    /* Whoever read our events went away: nothing is left to do when that was the only output. */
    if (sinks.length === 1 && stdout.broken === 'EPIPE') process.kill(process.pid, 'SIGTERM');
  };
  const stdout = stdoutOutput({ report });
  if (options.output === 'json') sinks.push(new JsonSink(stdout));
  if (options.output === 'compact') {
    const colors = colorsFor(options.color, process.stdout.isTTY, process.env);
    sinks.push(new CompactSink(stdout, { nodeName: nodeName(), colors }));
  }
  if (options.export !== undefined)
    sinks.push(openJsonFile(options.export, { report: (message) => log.warn(message) }));
  return sinks;
}

/** As dashboards know it: set by Kubernetes, else the host's name. */
function nodeName(): string {
  return process.env['HUBBLE_NODE_NAME'] ?? process.env['NODE_NAME'] ?? hostname();
}

function parseRunOptions(args: string[]): RunOptions | undefined {
  const { values, positionals } = parseRunArguments(args);
  if (values.help) return undefined;
  if (positionals.length > 0)
    throw new UsageError(`Unexpected argument "${positionals[0]}": policies are given with --policy`);
  const output = oneOf('output', values.output, ['json', 'compact', 'none']);
  return {
    policies: values.policy,
    output: output ?? (process.stdout.isTTY ? 'compact' : values.export === undefined ? 'json' : 'none'),
    export: values.export,
    mode: oneOf('mode', values.mode, ['enforce', 'monitor']),
    durationMs: values.duration === undefined ? undefined : parseDuration(values.duration),
    strict: values.strict,
    withCredentials: values['enable-process-cred'],
    withNamespaces: values['enable-process-ns'],
    ringSize: values['ring-size'] === undefined ? undefined : parseSize(values['ring-size']),
    color: oneOf('color', values.color, ['auto', 'always', 'never']) ?? 'auto',
    logLevel: oneOf('log-level', values['log-level'], ['trace', 'debug', 'info', 'warn', 'error']) ?? 'warn',
  };
}

function parseRunArguments(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      policy: { type: 'string', multiple: true, default: [] },
      output: { type: 'string', short: 'o' },
      export: { type: 'string' },
      mode: { type: 'string' },
      duration: { type: 'string' },
      strict: { type: 'boolean', default: false },
      'enable-process-cred': { type: 'boolean', default: false },
      'enable-process-ns': { type: 'boolean', default: false },
      'ring-size': { type: 'string' },
      color: { type: 'string' },
      'log-level': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}

function oneOf<const Choice extends string>(
  option: string,
  value: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`--${option} "${value}" is not one of ${choices.join(', ')}`);
  return found;
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const longestTimerMs = 2 ** 31 - 1;

function parseDuration(text: string): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(text);
  const durationMs = match === null ? Number.NaN : Number(match[1]) * durationUnitsMs[match[2]!]!;
  if (!(durationMs <= longestTimerMs))
    throw new UsageError(`--duration "${text}" is not a time such as 500ms, 30s, 5m or 1h`);
  return durationMs;
}

function parseSize(text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const factor = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match?.[2]?.toUpperCase() ?? ''] ?? 1;
  const bytes = match === null ? Number.NaN : Number(match[1]) * factor;
  if (!(bytes >= 4096 && bytes <= 2 ** 30)) throw new UsageError(`--ring-size "${text}" is not a size from 4K to 1G`);
  return 2 ** Math.ceil(Math.log2(bytes));
}

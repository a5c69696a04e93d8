import { hostname } from 'node:os';
import { destination, type Logger, pino } from 'pino';
import { Agent } from '../../agent/agent.ts';
import { KeptObjects, listKeptObjects } from '../../agent/kept-objects.ts';
import { PolicyLoader } from '../../agent/policy-files.ts';
import { PolicyRegistry } from '../../agent/policy-registry.ts';
import { PolicyDirectory } from '../../agent/policy-store.ts';
import { PolicyWatch } from '../../agent/policy-watch.ts';
import type { Options, OptionValues } from '../../config/option.ts';
import { type Config, readConfig } from '../../config/read-config.ts';
import type { EnvironmentSettings } from '../../events/processes/environment.ts';
import type { EventHub } from '../../grpc/event-hub.ts';
import { collectFacts } from '../../kernel/facts.ts';
import { exitNow } from '../../kernel/libc.ts';
import { ServiceManager } from '../../kernel/service-manager.ts';
import { possibleCpuCount } from '../../kernel/system.ts';
import { InputError, UsageError } from '../errors.ts';
import { readObjects } from '../policies/object-files.ts';
import { ActivePolicies } from './active-policies.ts';
import { eventContent } from './content-options.ts';
import { compileOutputFilters } from './filter-options.ts';
import { answerHangUps, ignoreHangUps } from './hang-ups.ts';
import { openMeters, startMetrics } from './metrics-options.ts';
import { openOutputs } from './open-outputs.ts';
import { outputSettings } from './output-options.ts';
import { runOptions } from './run-options.ts';
import type { RunServerInput } from './run-server.ts';
import { type ServerSettings, serverSettings } from './server-options.ts';
import { startTraces } from './trace-options.ts';

const largestRing = 2 ** 30;
/** After the end of everything that has to end. */
const lingerMs = 500;

interface RunSettings extends OptionValues<typeof runOptions> {
  /** Of all options that name policies. */
  readonly policyPaths: readonly string[];
  readonly ringSize: number | undefined;
  readonly server: ServerSettings | undefined;
}

/** `jatai run`: returns the exit status. `notices` are for its log. */
export async function runCommand(args: string[], notices: Config<Options>['notices'] = []): Promise<number> {
  const options = readSettings(args);
  const log = openLog(options);
  for (const { origin, message } of [...options.notices, ...notices]) log.info(`${origin} ${message}`);
  await using _traces = await startTraces(options, nodeName(), log);
  const loader = new PolicyLoader(options.policyPaths);
  const store = openStore(options);
  const kept = openKept(options, log);
  const facts = collectFacts();
  const { btf } = facts.features;
  if (!btf.available)
    throw new InputError(
      `this kernel cannot run jatai: ${btf.reason}`,
      'jatai probe shows what it has and what it lacks.',
    );
  const content = {
    nodeName: nodeName(),
    facts,
    withCredentials: options['enable-process-cred'],
    withNamespaces: options['enable-process-ns'],
    content: eventContent(options),
  };
  const filters = compileOutputFilters(options, { ...content, encoding: () => agent.encoding });
  const place = { nodeName: content.nodeName, clusterName: options['cluster-name'] };
  const readerGone = Promise.withResolvers<void>();
  const outputs = await openOutputs(outputSettings(options), filters, { ...place, log, abandoned: readerGone.resolve });
  const meters = openMeters(options, content.nodeName);
  const hub = options.server === undefined ? undefined : await openHub();
  const agent: Agent = new Agent({
    ...content,
    objects: readObjects(facts),
    sinks: [...outputs.sinks, ...[meters?.events, hub].filter((sink) => sink !== undefined)],
    log,
    sourceText: (file, line) => loader.sourceText(file, line) || registry.sourceText(file, line),
    runDirectory: options['run-dir'],
    redact: filters.redact,
    environment: environmentSettings(options, log),
    watchRecords: meters && ((next) => meters.records.watch(next)),
    ...(options.ringSize === undefined ? {} : { ringSize: options.ringSize }),
    cgroupRate: options['cgroup-rate'],
    kept,
  });
  agent.reportExistingProcesses();
  const manager = new ServiceManager(process.env);
  const warn = (text: string): void => log.warn(text);
  const registry: PolicyRegistry = new PolicyRegistry({ agent, mode: options.mode, store, warn });
  const active = new ActivePolicies(registry, loader);
  let server: { close(): Promise<void> } | undefined;
  try {
    /* First of all: a signal may come as soon as the line says that we are ready. */
    const interrupted = listenForSignals();
    const restored = store === undefined || restorePolicies(store, registry, loader);
    if (hub !== undefined)
      server = await serve(options, { agent, registry, hub, facts, log, eventFile: outputs.eventFile });
    await using _metrics = await startMetrics(options, { ...content, agent, registry, outputs, meters, hub, log });
    const complete = active.load('ready') && restored;
    if (!complete && options.strict) return 1;
    using _watch = watchPolicies(options, active, log);
    using _signs = signsOfLife(manager);
    manager.notify('READY=1', active.line);
    answerHangUps(() => {
      outputs.reload();
      reload(active, manager, log);
    });
    await endOf(Promise.race([interrupted, readerGone.promise]), options.duration);
    return 0;
  } finally {
    ignoreHangUps();
    manager.notify('STOPPING=1');
    agent.close();
    /* After the agent: its last events are on their way to clients. */
    await server?.close();
    await outputs.finished();
    /* A client's library may still wait for an answer, and a thread for a name or a disk. */
    setTimeout(() => exitNow(Number(process.exitCode ?? 0)), lingerMs).unref();
  }
}

/** The sink of clients, loaded only when there can be clients. */
async function openHub(): Promise<EventHub> {
  const { EventHub } = await import('../../grpc/event-hub.ts');
  return new EventHub();
}

async function serve(
  options: RunSettings,
  parts: Omit<RunServerInput, 'settings' | 'configuration'>,
): Promise<{ close(): Promise<void> }> {
  const { startServer } = await import('./run-server.ts');
  const configuration = {
    'disable-process-cache': false,
    'enable-process-cred': options['enable-process-cred'],
    'enable-process-ns': options['enable-process-ns'],
    'enable-process-environment-variables': options['enable-process-environment-variables'],
    'enable-ancestors': options['enable-ancestors'].join(','),
    'username-metadata': options['username-metadata'],
    'cluster-name': options['cluster-name'],
    'export-filename': options['export-filename'] ?? '',
    'log-level': options['log-level'],
    'metrics-server': runOptions['metrics-server'].type.show(options['metrics-server']),
  };
  return startServer({ ...parts, settings: options.server!, configuration });
}

function openStore({ server }: RunSettings): PolicyDirectory | undefined {
  return server?.policyDirectory === undefined ? undefined : new PolicyDirectory(server.policyDirectory);
}

/** Policies of clients come back as they were, all or none; returns whether they did. */
function restorePolicies(store: PolicyDirectory, registry: PolicyRegistry, loader: PolicyLoader): boolean {
  try {
    registry.restore(store.load(), loader.load().policies);
    return true;
  } catch (error) {
    process.stderr.write(`policies of clients are not restored: ${(error as Error).message}\n`);
    return false;
  }
}

/** Without the option what an earlier agent left stays in force beside this one, which is said. */
function openKept(options: RunSettings, log: Logger): KeptObjects | undefined {
  const name = options['bpf-dir'];
  if (options['keep-sensors-on-exit']) return KeptObjects.open(name, log);
  const left = listKeptObjects(name);
  if (left.length > 0)
    log.warn(
      { left },
      'policies of an earlier agent are in force: take over with --keep-sensors-on-exit, or remove them with jatai cleanup',
    );
  return undefined;
}

function reload(active: ActivePolicies, manager: ServiceManager, log: Logger): void {
  log.info('reloading the policies');
  manager.notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  active.load('reloaded');
  manager.notify('READY=1', active.line);
}

function watchPolicies(options: RunSettings, active: ActivePolicies, log: Logger): Disposable | undefined {
  if (!options['watch-policies']) return undefined;
  return new PolicyWatch(
    options.policyPaths,
    () => active.loadChanges('reloaded'),
    (path, reason) => log.warn({ path, reason }, 'changes here are not noticed: send SIGHUP after one'),
  );
}

/** Tells the service manager that the event loop turns, as often as it asks for. */
function signsOfLife(manager: ServiceManager): Disposable | undefined {
  if (manager.watchdogIntervalMs === undefined) return undefined;
  const timer = setInterval(() => manager.notify('WATCHDOG=1'), manager.watchdogIntervalMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Resolves at the first SIGINT or SIGTERM. SIGINT again ends the process at once; SIGTERM again costs no event. */
async function listenForSignals(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.once('SIGINT', resolve).on('SIGTERM', resolve);
  await promise;
}

async function endOf(interrupted: Promise<void>, durationMs: number | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = durationMs === undefined ? undefined : setTimeout(resolve, durationMs);
  await Promise.race([interrupted, promise]);
  clearTimeout(timer);
}

function environmentSettings(options: RunSettings, log: Logger): EnvironmentSettings | undefined {
  const names = options['filter-environment-variables'];
  if (options['enable-process-environment-variables'])
    return { names: names.length === 0 ? undefined : new Set(names) };
  if (names.length > 0)
    log.warn('--filter-environment-variables has no effect without --enable-process-environment-variables');
  return undefined;
}

/** As dashboards know it: set by Kubernetes, else the host's name. */
function nodeName(): string {
  return process.env['HUBBLE_NODE_NAME'] ?? process.env['NODE_NAME'] ?? hostname();
}

function readSettings(args: readonly string[]): RunSettings & { readonly notices: Config<Options>['notices'] } {
  const { values, operands, notices } = readConfig(runOptions, { args, environment: process.env });
  if (operands.length > 0)
    throw new UsageError(`Unexpected argument "${operands[0]}": policies are given with --policy`);
  const ringBytes = values['rb-size-total'] ?? (values['rb-size'] ?? 0) * possibleCpuCount();
  return {
    ...values,
    notices,
    policyPaths: [...values.policy, ...values['tracing-policy-dir']],
    server: serverSettings(values),
    ringSize: ringBytes === 0 ? undefined : Math.min(2 ** Math.ceil(Math.log2(ringBytes)), largestRing),
  };
}

/** Standard output belongs to the events. */
function openLog(options: RunSettings): Logger {
  const level = options.debug ? 'debug' : options['log-level'];
  const file = options['log-file'];
  return pino(
    { name: 'jatai', level },
    destination(file === undefined ? { fd: 2, sync: true } : { dest: file, sync: true }),
  );
}

import type { Logger } from 'pino';
import type { Agent } from '../../agent/agent.ts';
import type { PolicyRegistry } from '../../agent/policy-registry.ts';
import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import type { RotatingFile } from '../../export/rotating-file.ts';
import { compileEventLists } from '../../filters/event-filter.ts';
import { filterObjects } from '../../filters/filter-json.ts';
import { type AgentServer, serveAgent } from '../../grpc/agent-server.ts';
import type { EventHub } from '../../grpc/event-hub.ts';
import { removeInfoFile, writeInfoFile } from '../../grpc/info-file.ts';
import type { LogLevel } from '../../grpc/messages.ts';
import type { PolicyChange, ServedAgent } from '../../grpc/served-agent.ts';
import { serverAddressText } from '../../grpc/server-address.ts';
import { TlsFiles } from '../../grpc/tls-files.ts';
import { InputError, listenError } from '../errors.ts';
import { readVersion } from '../version.ts';
import { eventLogOf } from './event-log.ts';
import { filterContext } from './filter-options.ts';
import type { ServerSettings } from './server-options.ts';

export interface RunServerInput {
  readonly settings: ServerSettings;
  readonly agent: Agent;
  readonly registry: PolicyRegistry;
  readonly hub: EventHub;
  readonly facts: KernelFacts;
  readonly log: Logger;
  /** The file of events, whose rotation clients may change. */
  readonly eventFile: RotatingFile | undefined;
  /** Options that the agent runs with, as Tetragon names them. */
  readonly configuration: Readonly<Record<string, string | boolean>>;
}

/** Serves the API of a running agent and tells clients where. Throws an InputError when an address cannot be used. */
export async function startServer(input: RunServerInput): Promise<{ close(): Promise<void> }> {
  const { settings, hub, agent, log } = input;
  hub.setEncoding(() => agent.encoding);
  const tls = openTls(settings, log);
  let server: AgentServer;
  try {
    server = await serveAgent(servedAgent(input), { ...settings, tls });
  } catch (error) {
    throw listenError('gRPC', error);
  }
  announce(server, input);
  return {
    close: async () => {
      try {
        removeInfoFile(settings.infoFile, process.pid);
      } catch (error) {
        log.warn(`${settings.infoFile}: ${(error as Error).message}`);
      }
      await server.close();
    },
  };
}

function openTls({ tls }: ServerSettings, log: Logger): TlsFiles | undefined {
  if (tls === undefined) return undefined;
  try {
    return new TlsFiles({ ...tls, report: (message) => log.warn(message) });
  } catch (error) {
    throw new InputError(`--server-tls-*: ${(error as Error).message}`);
  }
}

function servedAgent(input: RunServerInput): ServedAgent {
  const { settings, agent, registry, hub, facts, log, eventFile, configuration } = input;
  const { withCredentials } = agent.encoding;
  const context = filterContext({ withCredentials, encoding: () => agent.encoding });
  return {
    version: readVersion(),
    facts,
    hub,
    registry,
    encoding: () => agent.encoding,
    processes: () => agent.processes.all(),
    policyMemory: () => agent.policyMemory(),
    matchCounts: () => agent.matchCounts(),
    configuration,
    deprecatedMethods: settings.deprecatedMethods,
    compileFilters: async (allow, deny) =>
      compileEventLists(filterObjects('allow_list: ', allow), filterObjects('deny_list: ', deny), context),
    policyChanged: (change) => logPolicyChange(log, change),
    logLevel: { get: () => levelNames[log.level] ?? 'LOG_LEVEL_WARN', set: (level) => setLevel(log, level) },
    eventLog: eventFile && eventLogOf(eventFile),
  };
}

/** As a warning what holds fewer processes back than before. */
function logPolicyChange(log: Logger, { action, policy, settings, by }: PolicyChange): void {
  const weakens = action === 'deleted' || settings.enabled === false || settings.mode === 'monitor';
  const { name, namespace, domain } = policy;
  log[weakens ? 'warn' : 'info']({ policy: name, namespace, domain, ...settings, by }, `a client ${action} a policy`);
}

/** The file helps clients to find us; without it they need --server-address. */
function announce(server: AgentServer, { settings, log, configuration }: RunServerInput): void {
  /* A client beside us may change policies by the socket, and needs no certificate there. */
  const address = server.addresses.find(({ kind }) => kind === 'unix') ?? server.addresses[0];
  if (address === undefined) return;
  const content = {
    server_address: serverAddressText(address),
    export_fname: String(configuration['export-filename'] ?? ''),
    metrics_address: String(configuration['metrics-server'] ?? ''),
    btf_fname: '/sys/kernel/btf/vmlinux',
    map_dir: '',
    lib_dir: '',
    gops_address: '',
    gops_path: '',
    bpftool_path: '',
    max_recv_size: 10 * 2 ** 20,
    pid: process.pid,
  };
  for (const served of server.addresses) log.info({ address: serverAddressText(served) }, 'serving gRPC');
  try {
    writeInfoFile(settings.infoFile, content);
  } catch (error) {
    log.warn(`${settings.infoFile}: ${(error as Error).message}; clients need --server-address`);
  }
}

function setLevel(log: Logger, level: LogLevel): void {
  log.level = Object.entries(levelNames).find(([, name]) => name === level)?.[0] ?? 'fatal';
}

/** pino's levels; it has no panic. */
const levelNames: Readonly<Record<string, LogLevel>> = {
  trace: 'LOG_LEVEL_TRACE',
  debug: 'LOG_LEVEL_DEBUG',
  info: 'LOG_LEVEL_INFO',
  warn: 'LOG_LEVEL_WARN',
  error: 'LOG_LEVEL_ERROR',
  fatal: 'LOG_LEVEL_FATAL',
};

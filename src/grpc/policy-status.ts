import type { PolicyRecord } from '../agent/policy-registry.ts';
import type { MatchCount, MatchCounts } from '../events/hooks/match-counts.ts';
import type { HookKind, HookSpec, Policy } from '../policy/model.ts';
import { printDiagnostics } from '../policy/print-diagnostic.ts';
import type {
  ActionCounters,
  HookStatus,
  SelectorActionCounters,
  TracingPolicyMode,
  TracingPolicyState,
  TracingPolicyStatus,
} from './messages.ts';

export interface PolicyStatusInput {
  readonly record: PolicyRecord;
  readonly memoryBytes: number;
  readonly counts: MatchCounts;
}

/** What `ListTracingPolicies` says of a policy. */
export function policyStatus({ record, memoryBytes, counts }: PolicyStatusInput): TracingPolicyStatus {
  const { policy } = record;
  const hooks = hooksInSections(policy);
  const selectors = hooks.flatMap((place) => selectorCounters(place, counts));
  return {
    id: record.id,
    name: record.name,
    namespace: record.namespace,
    info: record.domain === 'static' ? policy.file : '',
    sensors: sensorsOf(policy),
    enabled: record.loaded,
    filter_id: 0,
    error: printDiagnostics(record.errors, sourcesOf(record)).trimEnd(),
    state: stateOf(record),
    kernel_memory_bytes: memoryBytes,
    mode: modeOf(record),
    stats: {
      action_counters: sumCounters(selectors.map(({ action_counters: counters }) => counters)),
      selector_action_counters: selectors,
    },
    domain: record.domain,
    hook_statuses: hooks.map((place) => hookStatus(place, record)),
  };
}

function sensorsOf({ hooks, loader }: Policy): string[] {
  const names = new Set(hooks.map(({ kind }) => sensorNames[kind]));
  return loader === undefined ? [...names] : [...names, '__loader__'];
}

interface HookPlace {
  readonly hook: HookSpec;
  /** `kprobes` and so on. */
  readonly section: string;
  /** Position in the section. */
  readonly index: number;
}

function hooksInSections(policy: Policy): HookPlace[] {
  const next = new Map<string, number>();
  return policy.hooks.map((hook) => {
    const section = sections[hook.kind];
    const index = next.get(section) ?? 0;
    next.set(section, index + 1);
    return { hook, section, index };
  });
}

function stateOf({ enabled, loaded, errors, absent }: PolicyRecord): TracingPolicyState {
  if (!enabled) return 'TP_STATE_DISABLED';
  if (!loaded) return 'TP_STATE_LOAD_ERROR';
  return errors.length === 0 && absent.size === 0 ? 'TP_STATE_ENABLED' : 'TP_STATE_PARTIALLY_ENABLED';
}

function modeOf({ policy, mode }: PolicyRecord): TracingPolicyMode {
  if (!enforces(policy)) return 'TP_MODE_MONITOR_ONLY';
  return mode === 'enforce' ? 'TP_MODE_ENFORCE' : 'TP_MODE_MONITOR';
}

function enforces(policy: Policy): boolean {
  const selectors = policy.hooks.flatMap((hook) => hook.selectors);
  return selectors.some(({ actions }) => actions.some(({ kind }) => kind !== 'Post' && kind !== 'NoPost'));
}

function hookStatus({ hook, section, index }: HookPlace, { loaded, absent }: PolicyRecord): HookStatus {
  return { section, state: hookState(loaded, absent.get(hook)), hook_description: hook.target, hook_idx: index };
}

function hookState(loaded: boolean, absence: 'not-found' | 'refused' | undefined): HookStatus['state'] {
  if (absence === 'not-found') return 'STATUS_CALL_NOT_FOUND';
  return loaded && absence === undefined ? 'STATUS_LOADED' : 'STATUS_UNSPECIFIED';
}

function selectorCounters({ hook, index }: HookPlace, counts: MatchCounts): SelectorActionCounters[] {
  const selectors = hook.selectors.length === 0 ? [{ label: '', actions: [] }] : hook.selectors;
  return selectors.map(({ label, actions }, selector) => ({
    hook: `${hookPrefixes[hook.kind]}:${hook.target}`,
    hook_index: { value: index },
    selector_index: { value: selector },
    action_counters: countersOf(
      actions.map(({ kind }) => kind),
      counts.of(hook, selector),
    ),
    selector_label: label,
  }));
}

function countersOf(actions: readonly string[], { enforced, monitored }: MatchCount): ActionCounters {
  const posts = !actions.includes('NoPost');
  const signals = actions.includes('Sigkill') || actions.includes('Signal');
  const overrides = actions.includes('Override');
  return {
    post: posts ? enforced + monitored : 0,
    signal: signals ? enforced : 0,
    monitor_signal: signals ? monitored : 0,
    override: overrides ? enforced : 0,
    monitor_override: overrides ? monitored : 0,
    nopost: posts ? 0 : enforced + monitored,
  };
}

function sumCounters(all: readonly ActionCounters[]): ActionCounters {
  const sum = { post: 0, signal: 0, monitor_signal: 0, override: 0, monitor_override: 0, nopost: 0 };
  for (const counters of all)
    for (const name of Object.keys(sum) as (keyof ActionCounters)[]) sum[name] += counters[name];
  return sum;
}

function sourcesOf({ policy, yaml }: PolicyRecord): ReadonlyMap<string, string> {
  return yaml === undefined ? new Map() : new Map([[policy.file, yaml]]);
}

const sections: Readonly<Record<HookKind, string>> = {
  kprobe: 'kprobes',
  fentry: 'fentries',
  tracepoint: 'tracepoints',
  rawTracepoint: 'tracepoints',
  lsm: 'lsmhooks',
};

/** As Tetragon begins the name of a hook whose selectors are counted. */
const hookPrefixes: Readonly<Record<HookKind, string>> = {
  kprobe: 'kprobe',
  fentry: 'fentry',
  tracepoint: 'tracepoint',
  rawTracepoint: 'tracepoint',
  lsm: 'lsm',
};

/** Names of Tetragon's sensors: what tells its users which kind of hook a policy has. */
const sensorNames: Readonly<Record<HookKind, string>> = {
  kprobe: 'generic_kprobe',
  fentry: 'generic_fentry',
  tracepoint: 'generic_tracepoint',
  rawTracepoint: 'generic_tracepoint',
  lsm: 'generic_lsm',
};

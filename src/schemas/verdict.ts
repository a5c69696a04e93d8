import type { Verdict } from '../events/hooks/verdict.ts';
import type { Severity } from '../policy/model.ts';
import { isArray, type JsonObject, textAt } from './json.ts';

/** What a verdict is in the schemas. */
export interface VerdictRow {
  /** Members of OCSF's `security_control` profile. */
  readonly ocsf: {
    readonly action_id: number;
    readonly action: string;
    readonly disposition_id: number;
    readonly disposition: string;
    readonly is_alert?: true;
  };
  readonly ecs: { readonly kind: 'event' | 'alert'; readonly category?: string; readonly type?: string };
  /** When the policy has no severity of its own. */
  readonly severity: Severity;
}

/**
 * OCSF asks for an activity with a disposition, not for a finding, where a control acts on one event: a finding is the
 * result of an analysis of several (https://github.com/ocsf/ocsf-docs, FAQ "When should I use a Finding").
 */
export const verdicts: Readonly<Record<Verdict, VerdictRow>> = {
  prevented: {
    ocsf: { action_id: 2, action: 'Denied', disposition_id: 2, disposition: 'Blocked', is_alert: true },
    ecs: { kind: 'alert', category: 'intrusion_detection', type: 'denied' },
    severity: 'medium',
  },
  interrupted: {
    ocsf: { action_id: 2, action: 'Denied', disposition_id: 99, disposition: 'Interrupted', is_alert: true },
    ecs: { kind: 'alert', category: 'intrusion_detection', type: 'info' },
    severity: 'medium',
  },
  would_have_prevented: {
    ocsf: { action_id: 1, action: 'Allowed', disposition_id: 15, disposition: 'Detected', is_alert: true },
    ecs: { kind: 'alert', category: 'intrusion_detection', type: 'allowed' },
    severity: 'medium',
  },
  observed: {
    ocsf: { action_id: 1, action: 'Allowed', disposition_id: 17, disposition: 'Logged' },
    ecs: { kind: 'event' },
    severity: 'info',
  },
};

/** Severities of policies. `ecs` is on the scale that Elastic's own alerts use. */
export const severities: Readonly<Record<Severity, { ocsf: number; caption: string; ecs: number }>> = {
  info: { ocsf: 1, caption: 'Informational', ecs: 1 },
  low: { ocsf: 2, caption: 'Low', ecs: 21 },
  medium: { ocsf: 3, caption: 'Medium', ecs: 47 },
  high: { ocsf: 4, caption: 'High', ecs: 73 },
  critical: { ocsf: 5, caption: 'Critical', ecs: 99 },
};

/** The actions behind each verdict, for events that do not state theirs. */
export const verdictActions: readonly (readonly [Verdict, readonly string[]])[] = [
  ['prevented', ['KPROBE_ACTION_OVERRIDE', 'KPROBE_ACTION_NOTIFYENFORCER']],
  ['interrupted', ['KPROBE_ACTION_SIGKILL', 'KPROBE_ACTION_SIGNAL']],
];

/** The verdict of an event of a policy: its own word, else what its actions say. */
export function verdictOf(event: JsonObject): Verdict {
  const stated = textAt(event, 'verdict');
  if (stated !== undefined && Object.hasOwn(verdicts, stated)) return stated as Verdict;
  const actions = [event['action'], event['return_action']];
  for (const [verdict, names] of verdictActions)
    if (actions.some((action) => typeof action === 'string' && names.includes(action))) return verdict;
  const monitored = textAt(event, 'monitor_action');
  return verdictActions.some(([, names]) => monitored !== undefined && names.includes(monitored))
    ? 'would_have_prevented'
    : 'observed';
}

/** The severity of an event of a policy: that of the policy, else by verdict. */
export function severityOf(event: JsonObject, verdict: Verdict): Severity {
  const stated = textAt(event, 'severity')?.toLowerCase();
  const name = stated === 'informational' ? 'info' : stated;
  return name !== undefined && Object.hasOwn(severities, name) ? (name as Severity) : verdicts[verdict].severity;
}

/** MITRE ATT&CK techniques that the policy names in its annotations or tags (`mitre.T1071`), each once. */
export function techniquesOf(event: JsonObject): string[] {
  const words = ['mitre_techniques', 'tags'].flatMap((key) => {
    const list = event[key];
    return isArray(list) ? list.filter((word) => typeof word === 'string') : [];
  });
  const ids = words.flatMap((word) => word.match(/(?<![A-Za-z0-9])T\d{4}(?:\.\d{3})?(?![0-9])/gi) ?? []);
  return [...new Set(ids.map((id) => id.toUpperCase()))];
}

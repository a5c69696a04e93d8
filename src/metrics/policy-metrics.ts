import type {
  ActionCounters,
  SelectorActionCounters,
  TracingPolicyState,
  TracingPolicyStatus,
} from '../grpc/messages.ts';
import { boundedPoints, counter, gauge, type Metric, otherName, type Point } from './metric.ts';

/** Metrics of policies, under Tetragon's names. */
export const policyMetrics: readonly Metric[] = [
  gauge('tetragon_tracingpolicy_loaded', 'Policies by state', ({ policies }) => {
    const states = Map.groupBy(policies, ({ state }) => stateNames[state]);
    return allStates.map((state) => [states.get(state)?.length ?? 0, { state }]);
  }),
  gauge('tetragon_tracingpolicy_kernel_memory_bytes', 'Kernel memory for the programs of a policy', ({ policies }) =>
    boundedPoints(
      policies.map((policy) => [policy.kernel_memory_bytes, labelsOf(policy)]),
      { policy: otherName, policy_namespace: '' },
    ),
  ),
  counter('tetragon_tracingpolicy_selector_actions_total', 'What selectors of policies did', ({ policies }) =>
    boundedPoints(
      policies.flatMap((policy) =>
        (policy.stats?.selector_action_counters ?? []).flatMap((at) => actionPoints(policy, at)),
      ),
      { action: otherName, policy: otherName },
    ),
  ),
];

/** `post` of every selector, and what else has happened. */
function actionPoints(policy: TracingPolicyStatus, selector: SelectorActionCounters): Point[] {
  const labels = {
    hook: selector.hook,
    hook_index: String(selector.hook_index.value),
    ...labelsOf(policy),
    selector_index: String(selector.selector_index.value),
    selector_label: selector.selector_label,
  };
  const counts = Object.entries(selector.action_counters) as [keyof ActionCounters, number][];
  return counts
    .filter(([action, count]) => count > 0 || action === 'post')
    .map(([action, count]) => [count, { action, ...labels }]);
}

function labelsOf({ name, namespace }: TracingPolicyStatus): { policy: string; policy_namespace: string } {
  return { policy: name, policy_namespace: namespace };
}

const stateNames: Readonly<Record<TracingPolicyState, string>> = {
  TP_STATE_DISABLED: 'disabled',
  TP_STATE_ENABLED: 'enabled',
  TP_STATE_LOAD_ERROR: 'load_error',
  TP_STATE_PARTIALLY_ENABLED: 'partially_enabled',
};
/** Those that dashboards expect; no policy is in one of the last two here. */
const allStates: readonly string[] = [...Object.values(stateNames), 'error', 'skipped'];

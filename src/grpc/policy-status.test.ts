import { describe, expect, test } from 'vitest';
import { exampleFacts } from '../../test/filter/example-facts.ts';
import type { PolicyRecord } from '../agent/policy-registry.ts';
import { resolvePolicy } from '../compiler/resolve.ts';
import { MatchCounts } from '../events/hooks/match-counts.ts';
import { checkPolicies } from '../policy/check.ts';
import type { TracingPolicyStatus } from './messages.ts';
import { policyStatus } from './policy-status.ts';

const head = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: example
spec:
`;

/** The status of a policy as an agent with `exampleFacts` has it: what can be loaded is. */
function statusOf(hooks: string): TracingPolicyStatus {
  const policy = checkPolicies(head + hooks, 'example.yaml').policies[0]!;
  const { absent, hooks: resolved, diagnostics } = resolvePolicy(policy, exampleFacts);
  const record: PolicyRecord = {
    id: 1,
    name: policy.name,
    namespace: '',
    domain: 'grpc',
    policy,
    enabled: true,
    mode: policy.mode,
    chosenMode: undefined,
    errors: diagnostics.filter(({ severity }) => severity === 'error'),
    absent,
    loaded: resolved.length > 0,
    yaml: head + hooks,
  };
  return policyStatus({ record, memoryBytes: 0, counts: new MatchCounts() });
}

describe('the status of a policy', () => {
  const hooks = (...texts: string[]): string => `  kprobes:\n${texts.join('')}`;
  const good = '  - call: tcp_connect\n    syscall: false\n';
  const missing = '  - syscall: false\n    call: no_such_function\n';
  const wrongArgument = '  - syscall: false\n    call: tcp_connect\n    args:\n    - index: 0\n      type: file\n';
  const ignored = `${missing}    ignore:\n      callNotFound: true\n`;
  const cases: readonly (readonly [name: string, text: string, state: string, hookStates: string[]])[] = [
    ['all is there', hooks(good, good), 'ENABLED', ['LOADED', 'LOADED']],
    ['a function is missing', hooks(good, missing), 'PARTIALLY_ENABLED', ['LOADED', 'CALL_NOT_FOUND']],
    ['a function may be missing', hooks(ignored, good), 'PARTIALLY_ENABLED', ['CALL_NOT_FOUND', 'LOADED']],
    ['an argument is wrong', hooks(good, wrongArgument), 'PARTIALLY_ENABLED', ['LOADED', 'UNSPECIFIED']],
    ['nothing is there', hooks(missing, wrongArgument), 'LOAD_ERROR', ['CALL_NOT_FOUND', 'UNSPECIFIED']],
  ];
  test.each(cases)('%s', (_name, text, state, hookStates) => {
    const status = statusOf(text);
    expect(status.state).toBe(`TP_STATE_${state}`);
    expect(status.hook_statuses.map((hook) => hook.state)).toEqual(hookStates.map((name) => `STATUS_${name}`));
  });

  test('selectors are named with the kind of their hook', () => {
    const selected = `${good}    selectors:\n    - matchPIDs:\n      - operator: In\n        values: [1]\n`;
    const tracepoint = '  tracepoints:\n  - subsystem: syscalls\n    event: sys_enter_chdir\n';
    const counters = statusOf(hooks(selected) + tracepoint).stats!.selector_action_counters;
    expect(counters.map(({ hook }) => hook)).toEqual(['kprobe:tcp_connect', 'tracepoint:syscalls/sys_enter_chdir']);
  });
});

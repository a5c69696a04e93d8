import type { Policy, PolicyMode } from '../policy/model.ts';

const policiesInMode = new WeakMap<Policy, Policy>();

/** The policy in another mode; the same object each time, so that its programs stay. */
export function withMode(policy: Policy, mode: PolicyMode): Policy {
  if (policy.mode === mode) return policy;
  /* There are two modes, so there is one other policy. */
  const known = policiesInMode.get(policy) ?? { ...policy, mode };
  policiesInMode.set(policy, known);
  return known;
}

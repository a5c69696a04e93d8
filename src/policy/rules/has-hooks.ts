import { keyPositionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** A policy without hooks is legal and does nothing, which is seldom meant. */
export const hasHooks: Rule = (policy, report) => {
  if (policy.spec === undefined || policy.hooks.length > 0 || policy.loader !== undefined) return;
  const hint = 'Add "kprobes", "fentries", "tracepoints", "lsmhooks" or "loader: true".';
  report.warning(keyPositionOf(policy.root, 'spec'), 'no-hooks', 'The policy has no hooks: it does nothing', hint);
};

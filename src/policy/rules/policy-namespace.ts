import { entryOf, textOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** A namespaced policy is about the pods of its namespace, which are not known yet; a cluster policy has no namespace. */
export const policyNamespace: Rule = (policy, report) => {
  const kind = policy.kind;
  if (kind?.text === 'TracingPolicyNamespaced') {
    const hint = 'Use "kind: TracingPolicy", which applies to the whole node.';
    report.error(
      kind.position,
      'not-compiled-yet',
      'Limiting a policy to the pods of a namespace is not compiled yet',
      hint,
    );
    const host = policy.spec && entryOf(policy.spec, 'hostSelector');
    if (host !== undefined) {
      report.error(host.keyPosition, 'host-selector', 'A TracingPolicyNamespaced cannot select the host', 'Remove it.');
    }
    return;
  }
  const namespace = policy.metadata && textOf(policy.metadata, 'namespace');
  if (namespace !== undefined && namespace.text !== '') {
    const message = 'A TracingPolicy belongs to no namespace: it applies to the whole node';
    report.warning(namespace.position, 'unused-namespace', message, 'Remove it.');
  }
};

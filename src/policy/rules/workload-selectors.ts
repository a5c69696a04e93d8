import type { Report } from '../finding.ts';
import { entryOf, itemsOf, mapOf, type SourceEntry, type SourceMap } from '../source.ts';
import type { Rule } from './rule.ts';

/**
 * Pod, container and host selectors are accepted where together they select everything: when there are none, and when
 * the host and all pods or containers are selected by `{}`. A node selector is accepted when it selects every node.
 */
export const workloadSelectors: Rule = (policy, report) => {
  const { spec } = policy;
  if (spec === undefined) return;
  const node = mapOf(spec, 'nodeSelector');
  if (node !== undefined && !selectsAll(node)) refuse(entryOf(spec, 'nodeSelector')!, report);

  const host = mapOf(spec, 'hostSelector');
  if (host !== undefined && !selectsAll(host)) {
    const entry = entryOf(spec, 'hostSelector')!;
    report.error(
      entry.keyPosition,
      'host-selector',
      '"hostSelector" can only be "{}", which selects the host',
      'Write "{}".',
    );
  }
  const workloads = ['podSelector', 'containerSelector'].flatMap((key) => entryOf(spec, key) ?? []);
  const narrowed = workloads.filter((entry) => entry.value.kind === 'map' && !selectsAll(entry.value));
  for (const entry of narrowed) refuse(entry, report);
  if (narrowed.length > 0) return;
  if (host !== undefined && workloads.length === 0) {
    refuse(entryOf(spec, 'hostSelector')!, report, 'selects the host without its pods');
  }
  if (host === undefined && workloads.length > 0) refuse(workloads[0]!, report, 'selects pods without the host');
};

function selectsAll(selector: SourceMap): boolean {
  const labels = mapOf(selector, 'matchLabels');
  return (labels === undefined || labels.entries.length === 0) && itemsOf(selector, 'matchExpressions').length === 0;
}

function refuse(entry: SourceEntry, report: Report, why?: string): void {
  const message = `${JSON.stringify(entry.key)} ${why === undefined ? '' : `${why}, which `}is not compiled yet`;
  const hint = 'Without it the policy applies to the whole node; narrow it with matchNamespaces or matchBinaries.';
  report.error(entry.keyPosition, 'not-compiled-yet', message, hint);
}

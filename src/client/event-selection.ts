import type { FieldFilterMessage, FilterMessage } from '../grpc/messages.ts';

/** Which events a user wants, as the options of `jatai events` say it. */
export interface EventSelection {
  /** `PROCESS_EXEC` and so on. */
  readonly eventTypes: readonly string[];
  readonly namespaces: readonly string[];
  readonly namespaceRegexes: readonly string[];
  /** Regular expressions over binaries. */
  readonly processes: readonly string[];
  readonly pods: readonly string[];
  readonly containers: readonly string[];
  readonly host: boolean;
  readonly policyNames: readonly string[];
  readonly celExpressions: readonly string[];
  readonly pids: readonly number[];
  readonly includeFields: readonly string[];
  readonly excludeFields: readonly string[];
}

/** The selection as a filter that an agent applies; no filter when everything is wanted. */
export function selectionFilters(selection: EventSelection): FilterMessage[] {
  const filter = {
    event_set: selection.eventTypes,
    namespace: selection.host ? ['', ...selection.namespaces] : selection.namespaces,
    namespace_regex: selection.namespaceRegexes,
    binary_regex: selection.processes,
    pod_regex: selection.pods,
    container_name_regex: selection.containers,
    policy_names: selection.policyNames,
    cel_expression: selection.celExpressions,
    pid: selection.pids,
  };
  const used = Object.entries(filter).filter(([, values]) => values.length > 0);
  return used.length === 0 ? [] : [Object.fromEntries(used)];
}

export function selectionFieldFilters({ includeFields, excludeFields }: EventSelection): FieldFilterMessage[] {
  const filters: FieldFilterMessage[] = [];
  if (includeFields.length > 0) filters.push({ fields: { paths: [...includeFields] }, action: 'INCLUDE' });
  if (excludeFields.length > 0) filters.push({ fields: { paths: [...excludeFields] }, action: 'EXCLUDE' });
  return filters;
}

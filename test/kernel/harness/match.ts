import { inspect } from 'node:util';
import type { AgentEvent } from './event-log.ts';

/** A value of an event: part of an object, a whole array, a text that matches an expression, or exactly this. */
export type Pattern =
  | string
  | number
  | boolean
  | undefined
  | RegExp
  | ((value: never) => boolean)
  | readonly Pattern[]
  | { readonly [name: string]: Pattern };

/** Part of an event, as it stands in a JSON line, with the number of times it must come. */
export interface EventPattern {
  readonly times: number | 'any';
  readonly pattern: Pattern;
}

/** Events with this part must come once. */
export function once(pattern: Pattern): EventPattern {
  return { times: 1, pattern };
}

export function times(count: number, pattern: Pattern): EventPattern {
  return { times: count, pattern };
}

/** Events that may come, or may not. */
export function allowed(pattern: Pattern): EventPattern {
  return { times: 'any', pattern };
}

/** Whether `value` has all that `pattern` asks for. An undefined pattern asks for the member to be missing. */
export function matches(value: unknown, pattern: Pattern): boolean {
  if (pattern instanceof RegExp) return typeof value === 'string' && pattern.test(value);
  if (typeof pattern === 'function') return pattern(value as never);
  if (pattern === null || typeof pattern !== 'object') return value === pattern;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(pattern)) {
    return (
      Array.isArray(value) && value.length === pattern.length && pattern.every((part, at) => matches(value[at], part))
    );
  }
  return Object.entries(pattern).every(([name, part]) => matches((value as Record<string, unknown>)[name], part));
}

/**
 * What is wrong with the events; empty when nothing is. Events of `policyNames` must all be expected, but for our own:
 * this process prepares what others are watched at.
 */
export function findMismatches(
  events: readonly AgentEvent[],
  expected: readonly EventPattern[],
  unexpected: readonly EventPattern[],
  policyNames: ReadonlySet<string>,
): string[] {
  const mismatches: string[] = [];
  const explained = new Set(events.filter(isOurOwn));
  for (const { pattern, times: wanted } of expected) {
    const found = events.filter((event) => matches(event, pattern));
    for (const event of found) explained.add(event);
    if (wanted === 'any' || found.length === wanted) continue;
    mismatches.push(
      `expected ${wanted} times, found ${found.length} times: ${show(pattern)}${nearest(events, pattern)}`,
    );
  }
  for (const { pattern } of unexpected) {
    for (const event of events.filter((candidate) => matches(candidate, pattern))) {
      mismatches.push(`must not come: ${show(event)}`);
    }
  }
  for (const event of events) {
    if (policyNames.has(policyOf(event)) && !explained.has(event)) mismatches.push(`not expected: ${show(event)}`);
  }
  return mismatches;
}

/** The name of the policy an event belongs to; empty for process events. */
export function policyOf(event: AgentEvent): string {
  const body = event.process_kprobe ?? event.process_lsm ?? event.process_tracepoint;
  return typeof body?.['policy_name'] === 'string' ? body['policy_name'] : '';
}

function isOurOwn(event: AgentEvent): boolean {
  const body = event.process_kprobe ?? event.process_lsm ?? event.process_tracepoint;
  return body?.process.pid === process.pid;
}

const shownCandidates = 4;

/** Events of the same kind, and of the same policy when the pattern names one: what may have been meant. */
function nearest(events: readonly AgentEvent[], pattern: Pattern): string {
  const kind = typeof pattern === 'object' ? Object.keys(pattern)[0] : undefined;
  if (kind === undefined) return '';
  const policy = (pattern as Record<string, Record<string, unknown>>)[kind]?.['policy_name'];
  const candidates = events.filter((event) => kind in event && (policy === undefined || policyOf(event) === policy));
  if (candidates.length === 0) return `\n    there is no ${kind}${policy === undefined ? '' : ` of ${policy}`}`;
  const shown = candidates.slice(-shownCandidates).map((event) => `\n    there is ${show(event)}`);
  return `${shown.join('')}\n    (${candidates.length} in all)`;
}

/** Compact, without what is the same in all events of a scenario. */
function show(value: unknown): string {
  const text = inspect(withoutNoise(value), {
    depth: 8,
    breakLength: Number.POSITIVE_INFINITY,
    maxStringLength: 200,
    compact: 20,
  });
  return text.length > 1500 ? `${text.slice(0, 1500)}...` : text;
}

const noise = new Set([
  'exec_id',
  'parent_exec_id',
  'start_time',
  'time',
  'node_name',
  'cap',
  'ns',
  'process_credentials',
  'in_init_tree',
  'auid',
  'parent',
]);

function withoutNoise(value: unknown, depth = 0): unknown {
  if (value instanceof RegExp || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).filter(([name]) => depth === 0 || depth > 2 || !noise.has(name));
  return Object.fromEntries(entries.map(([name, part]) => [name, withoutNoise(part, depth + 1)]));
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type PolicyTest, readPolicyTests } from '../../policies/policy-test.ts';
import { repositoryRoot } from '../../vm/repository-root.ts';
import type { AgentEvent } from '../harness/event-log.ts';
import { allowed, matches, type Pattern } from '../harness/match.ts';
import type { Scenario } from '../harness/scenario.ts';

/** The tests that stand beside the default policies, each a scenario. */
export const defaultPolicyScenarios: readonly Scenario[] = readPolicyTests().map(scenarioOf);

function scenarioOf({ name, policy, needs, steps }: PolicyTest): Scenario {
  return {
    name: `default policy ${name} reports what it watches for`,
    needs,
    policies: () => ({ [path.basename(policy)]: readFileSync(policy, 'utf8') }),
    async trigger(context) {
      for (const { run } of steps) await context.must(['bash', '-c', run], { cwd: repositoryRoot });
    },
    /* One action may give more than one event: a write to an overlay is two. */
    expected: () => [allowed(isOfSomePolicy)],
    check(events) {
      for (const { title, events: expected, unwanted } of steps) {
        for (const pattern of expected) assertSome(events, pattern, title);
        for (const pattern of unwanted) assertNone(events, pattern, title);
      }
    },
  };
}

const isOfSomePolicy = (event: AgentEvent) => event.process_exec === undefined && event.process_exit === undefined;

function assertSome(events: readonly AgentEvent[], pattern: Pattern, title: string): void {
  if (events.some((event) => matches(event, pattern))) return;
  throw new Error(`${title}: no event came with ${JSON.stringify(pattern)}`);
}

function assertNone(events: readonly AgentEvent[], pattern: Pattern, title: string): void {
  const found = events.find((event) => matches(event, pattern));
  if (found !== undefined) throw new Error(`${title}: must not come: ${JSON.stringify(found)}`);
}

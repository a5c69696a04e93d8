import { strict as assert } from 'node:assert';
import { Agent } from '../../../src/agent/agent.ts';
import { readObjects } from '../../../src/cli/policies/object-files.ts';
import type { KernelFacts } from '../../../src/compiler/kernel-facts.ts';
import { checkPolicies } from '../../../src/policy/check.ts';
import type { Policy } from '../../../src/policy/model.ts';
import { elsewherePolicy, type GuardedFiles, guardPolicy, neighbourPolicy } from './guarded-files.ts';

/** One change of the set of policies. */
export interface Change {
  readonly kind:
    | 'add'
    | 'mode'
    | 'replace'
    | 'remove'
    | 'equivalent'
    | 'add hook'
    | 'replace elsewhere'
    | 'remove hook';
  readonly policies: readonly Policy[];
}

/** The policy in `text`, which must be right. */
export function policyOf(text: string): Policy {
  const { policies, diagnostics } = checkPolicies(text, 'attack.yaml');
  assert.deepEqual(diagnostics, []);
  return policies[0]!;
}

/** Changes of other hooks, which need less time, for each change of the hook that enforces. */
const roundsElsewhere = 3;

/**
 * Endless changes around a policy that is always there: others come on its hook and on one of their own, change their
 * mode, are replaced and go; it is itself replaced by another that says the same.
 */
export function* changes(files: GuardedFiles): Generator<Change, never, undefined> {
  const modes = ['enforce', 'monitor'] as const;
  const neighbours = (name: string) =>
    modes.map((mode) => policyOf(neighbourPolicy(name, `/no/such/${name}/`, mode))) as [Policy, Policy];
  for (let round = 0; ; round++) {
    const guard = policyOf(guardPolicy(`guard-${round}`, files, round % 4 === 3));
    const [first, monitored] = neighbours(`first-${round}`);
    const [second] = neighbours(`second-${round}`);
    const steps: Change[] = [
      { kind: 'equivalent', policies: [guard] },
      { kind: 'add', policies: [guard, first] },
      { kind: 'mode', policies: [guard, monitored] },
      { kind: 'replace', policies: [second, guard] },
      { kind: 'remove', policies: [guard] },
    ];
    for (const step of steps) {
      yield step;
      yield* changesElsewhere(round, step.policies);
    }
  }
}

/** The programs of the hook that enforces stay and are put into the next generation. */
function* changesElsewhere(round: number, present: readonly Policy[]): Generator<Change, void, undefined> {
  for (let turn = 0; turn < roundsElsewhere; turn++) {
    const [before, after] = ['before', 'after'].map((name) => policyOf(elsewherePolicy(`${name}-${round}-${turn}`)));
    yield { kind: 'add hook', policies: [before!, ...present] };
    yield { kind: 'replace elsewhere', policies: [...present, after!] };
    yield { kind: 'remove hook', policies: present };
  }
}

/** Times of the changes of each kind, in milliseconds. */
export type ChangeTimes = ReadonlyMap<Change['kind'], readonly number[]>;

/** Makes `count` changes in an agent of our own process, in turns with whatever waits. */
export async function switchPolicies(
  agent: Agent,
  files: GuardedFiles,
  count: number,
  onChange: (done: number) => void = () => {},
): Promise<ChangeTimes> {
  const times = new Map<Change['kind'], number[]>();
  const source = changes(files);
  for (let done = 1; done <= count; done++) {
    const { kind, policies } = source.next().value;
    const start = performance.now();
    const { loaded, refused } = agent.setPolicies(policies);
    times.set(kind, [...(times.get(kind) ?? []), performance.now() - start]);
    assert.deepEqual([loaded.length, refused.length], [policies.length, 0], `${kind}: ${JSON.stringify(refused)}`);
    onChange(done);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times;
}

/** An agent without outputs. */
export function startQuietAgent(facts: KernelFacts, log: ConstructorParameters<typeof Agent>[0]['log']): Agent {
  return new Agent({
    facts,
    objects: readObjects(facts),
    sinks: [],
    nodeName: 'attacked',
    log,
    sourceText: () => '',
  });
}

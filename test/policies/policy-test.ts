import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { KernelFeature } from '../../src/compiler/kernel-facts.ts';
import type { Pattern } from '../kernel/harness/match.ts';
import { repositoryRoot } from '../vm/repository-root.ts';

/** What a policy must report of programs that do what it watches for. */
export interface PolicyTest {
  /** Stem of the test's file. */
  readonly name: string;
  /** Absolute path of the policy. */
  readonly policy: string;
  /** What a kernel must have for the policy to load. */
  readonly needs: readonly KernelFeature[];
  readonly steps: readonly PolicyTestStep[];
}

export interface PolicyTestStep {
  /** What happens, for people. */
  readonly title: string;
  /** Shell commands, run as root in the checkout. They end with status 0 and leave nothing behind. */
  readonly run: string;
  /** Each is part of an event that must come, in the encoding of the JSON export. */
  readonly events: readonly Pattern[];
  /** Parts of events that must not come. */
  readonly unwanted: readonly Pattern[];
}

const folder = path.join(repositoryRoot, 'tracing-policies/tests');

/** The tests of all default policies by name, then those of the demonstration. Throws when a file is not a test. */
export function readPolicyTests(): PolicyTest[] {
  const tests = readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map(readPolicyTest);
  const isDemo = ({ policy }: PolicyTest) => path.basename(path.dirname(policy)) === 'demo';
  return [...tests.filter((test) => !isDemo(test)), ...tests.filter(isDemo)];
}

function readPolicyTest(file: string): PolicyTest {
  const { policy, needs, steps } = parse(readFileSync(path.join(folder, file), 'utf8')) as Partial<PolicyTest>;
  if (typeof policy !== 'string' || !Array.isArray(needs) || !Array.isArray(steps)) {
    throw new Error(`${path.join(folder, file)}: a test of a policy has "policy", "needs" and "steps"`);
  }
  return {
    name: path.basename(file, '.yaml'),
    policy: path.resolve(folder, policy),
    needs,
    steps: steps.map((step) => readStep(file, step)),
  };
}

function readStep(file: string, step: Partial<PolicyTestStep>): PolicyTestStep {
  const { title, run, events, unwanted = [] } = step;
  if (typeof title !== 'string' || typeof run !== 'string' || !Array.isArray(events) || !Array.isArray(unwanted)) {
    throw new Error(`${path.join(folder, file)}: a step has "title", "run", "events" and perhaps "unwanted"`);
  }
  return { title, run, events, unwanted };
}

import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KernelFacts } from '../../../src/compiler/kernel-facts.ts';
import type { AgentEvent } from './event-log.ts';
import { findMismatches } from './match.ts';
import type { Need, Scenario, ScenarioResult } from './scenario.ts';
import { ScenarioContext } from './scenario-context.ts';
import { SharedAgent } from './shared-agent.ts';

export interface RunOptions {
  readonly scenarios: readonly Scenario[];
  /** For the scenarios' files: empty, on a file system without restrictions. */
  readonly folder: string;
  readonly facts: KernelFacts;
  /** The name under which the end of the shared agent is reported. */
  readonly sharedAgentResult: string;
  /** Told each result as soon as it is there. */
  readonly report: (result: ScenarioResult) => void;
}

const scenarioTimeoutMs = 400_000;
const shownStderrBytes = 6000;
const maxAgentStarts = 3;

/** Runs all scenarios on the running kernel: those of the shared agent first, one after the other. */
export async function runScenarios(options: RunOptions): Promise<void> {
  const { scenarios, folder, facts, report } = options;
  mkdirSync(folder, { recursive: true });
  const able = scenarios.filter((scenario) => {
    const missing = missingNeeds(scenario.needs ?? [], facts);
    if (missing !== '') report({ name: scenario.name, status: 'skipped', message: missing, durationMs: 0 });
    return missing === '';
  });
  const shared = able.filter((scenario) => scenario.agent !== 'own');
  if (shared.length > 0) await new SharedRun(options).runAll(shared);
  for (const [index, scenario] of able.filter((candidate) => candidate.agent === 'own').entries()) {
    const context = new ScenarioContext(
      path.join(folder, `own-${index}`),
      path.join(folder, `own-${index}`, 'policies'),
      facts,
    );
    await runOne(scenario, context, report, async () => {
      await scenario.trigger(context);
    });
  }
}

/** Why a scenario cannot be run here; empty when it can. */
export function missingNeeds(needs: readonly Need[], facts: KernelFacts): string {
  const reasons = needs.map((need) => {
    if (typeof need === 'string')
      return facts.features[need].available ? '' : `no ${need}: ${facts.features[need].reason}`;
    const [major, minor] = facts.version;
    const enough = major > need.kernel[0] || (major === need.kernel[0] && minor >= need.kernel[1]);
    return enough ? '' : `${need.for} needs Linux ${need.kernel.join('.')}, this is ${facts.release}`;
  });
  return reasons.filter((reason) => reason !== '').join('; ');
}

async function runOne(
  scenario: Scenario,
  context: ScenarioContext,
  report: (result: ScenarioResult) => void,
  work: () => Promise<void>,
): Promise<void> {
  const start = Date.now();
  const finish = (status: ScenarioResult['status'], message: string) =>
    report({ name: scenario.name, status, message, durationMs: Date.now() - start });
  try {
    await Promise.race([work(), timeout()]);
    finish('passed', context.measured.join('; '));
  } catch (error) {
    finish('failed', error instanceof Error ? withPlace(error) : String(error));
  } finally {
    await context.close();
  }
}

/** The message, and where in our own files it was thrown. */
function withPlace(error: Error): string {
  const place = error.stack?.split('\n').find((line) => line.includes('/test/kernel/scenarios/'));
  return place === undefined ? error.message : `${error.message}\n${place}`;
}

async function timeout(): Promise<never> {
  await sleep(scenarioTimeoutMs, undefined, { ref: false });
  throw new Error(`the scenario took more than ${scenarioTimeoutMs / 1000} s`);
}

/** The scenarios that take turns with one agent. When it dies, the next scenario gets a new one. */
class SharedRun {
  readonly #options: RunOptions;
  readonly #policyFolder: string;
  #agent: SharedAgent | undefined;
  #starts = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#policyFolder = path.join(options.folder, 'policies');
    mkdirSync(this.#policyFolder, { recursive: true });
  }

  async runAll(scenarios: readonly Scenario[]): Promise<void> {
    const { folder, facts, report } = this.#options;
    for (const [index, scenario] of scenarios.entries()) {
      const context = new ScenarioContext(path.join(folder, `shared-${index}`), this.#policyFolder, facts);
      await runOne(scenario, context, report, () => this.#run(scenario, context));
    }
    const context = new ScenarioContext(path.join(folder, 'stop'), this.#policyFolder, facts);
    const name = this.#options.sharedAgentResult;
    await runOne({ name, trigger: async () => {} }, context, report, () => this.#stop(context));
  }

  async #run(scenario: Scenario, context: ScenarioContext): Promise<void> {
    await scenario.prepare?.(context);
    const agent = await this.#runningAgent(context);
    context.useSharedAgent(agent);
    agent.markStderr();
    try {
      const policies = scenario.policies?.(context) ?? {};
      context.writePolicies(policies);
      const start = Date.now();
      assertNothingRefused(await agent.reload());
      context.measured.push(`policies loaded in ${Date.now() - start} ms`);
      await agent.collect();
      await scenario.trigger(context);
      const events = await agent.collect(new Set(scenario.onlyCounted));
      for (const [policy, count] of agent.counts) context.notes.set(`events of ${policy}`, count);
      checkEvents(scenario, context, events, policies);
    } catch (error) {
      const said = agent.stderrSinceMark().slice(-shownStderrBytes);
      throw new Error(`${withPlace(error as Error)}\nThe agent wrote:\n${said}`);
    }
  }

  async #runningAgent(context: ScenarioContext): Promise<SharedAgent> {
    if (this.#agent?.running) return this.#agent;
    if (this.#starts === maxAgentStarts)
      throw new Error(`the agent died ${maxAgentStarts} times, and is not started again`);
    const at = path.join(this.#options.folder, `shared-agent-${this.#starts++}`);
    const start = Date.now();
    context.writePolicies({});
    this.#agent = await SharedAgent.start(this.#policyFolder, `${at}.jsonl`, `${at}.log`);
    context.measured.push(`the agent was ready after ${Date.now() - start} ms`);
    return this.#agent;
  }

  async #stop(context: ScenarioContext): Promise<void> {
    if (this.#agent === undefined) throw new Error('the agent never started');
    const start = Date.now();
    await this.#agent.stop();
    context.measured.push(`stopped after ${Date.now() - start} ms`);
    if (this.#starts > 1) throw new Error(`the agent died ${this.#starts - 1} times`);
  }
}

function assertNothingRefused(said: string): void {
  if (!/ 0 refused$/m.test(said)) throw new Error('the agent refused a policy');
}

function checkEvents(
  scenario: Scenario,
  context: ScenarioContext,
  events: readonly AgentEvent[],
  policies: Readonly<Record<string, string>>,
): void {
  const expected = scenario.expected?.(context) ?? [];
  const unexpected = scenario.unexpected?.(context) ?? [];
  const mismatches = findMismatches(events, expected, unexpected, policyNames(policies));
  if (mismatches.length > 0) throw new Error(`wrong events:\n  ${mismatches.join('\n  ')}`);
  scenario.check?.(events, context);
}

function policyNames(policies: Readonly<Record<string, string>>): Set<string> {
  const names = Object.values(policies).flatMap((text) => [...text.matchAll(/^ {2}name: "?([^"\n]+)"?$/gm)]);
  return new Set(names.map(([, name]) => name!));
}

/** Appends results to a file as JSON lines. */
export function reportTo(file: string): (result: ScenarioResult) => void {
  return (result) => appendFileSync(file, `${JSON.stringify(result)}\n`);
}

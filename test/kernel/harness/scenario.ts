import type { KernelFeature } from '../../../src/compiler/kernel-facts.ts';
import type { AgentEvent } from './event-log.ts';
import type { EventPattern } from './match.ts';
import type { ScenarioContext } from './scenario-context.ts';

/** What a kernel must have for a scenario to mean something there. */
export type Need =
  | KernelFeature
  /** At least this version, with what came with it. */
  | { readonly kernel: readonly [major: number, minor: number]; readonly for: string };

/** A policy set, what is done under it, and what must come of that. */
export interface Scenario {
  /** As a sentence: what is shown. */
  readonly name: string;
  readonly needs?: readonly Need[];
  /**
   * `shared`: the policies are read by an agent that is already running (SIGHUP), which is the default because an
   * agent takes long to start on an emulated kernel. `own`: the trigger starts agents itself.
   */
  readonly agent?: 'shared' | 'own';
  /** True when nothing in it depends on the kernel: it is then not run again on every emulated one. */
  readonly onHostOnly?: boolean;
  /** True when it would disturb the machine it runs on. */
  readonly onGuestOnly?: boolean;
  /** Files of the policy directory, by name. */
  policies?(context: ScenarioContext): Readonly<Record<string, string>>;
  /** Runs before the policies are there. */
  prepare?(context: ScenarioContext): Promise<void>;
  /** Does what the policies are about, and asserts the outcome for the processes concerned. */
  trigger(context: ScenarioContext): Promise<void>;
  /** Events that must come, each as often as it says. */
  expected?(context: ScenarioContext): readonly EventPattern[];
  /**
   * Events that must not come. Besides these, every event of one of the scenario's policies has to be an expected one.
   */
  unexpected?(context: ScenarioContext): readonly EventPattern[];
  /** Policies with too many events to keep: they are counted, as the note `events of NAME`. */
  readonly onlyCounted?: readonly string[];
  /** What patterns cannot say. */
  check?(events: readonly AgentEvent[], context: ScenarioContext): void;
}

export interface ScenarioResult {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped or how it failed; for one that passed, what it measured. */
  readonly message: string;
  readonly durationMs: number;
}

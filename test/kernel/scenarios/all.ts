import type { Scenario } from '../harness/scenario.ts';
import { agentDeathScenarios } from './agent-death.ts';
import { burstScenarios } from './burst.ts';
import { cgroupRateScenarios } from './cgroup-rate.ts';
import { clockScenarios } from './clock.ts';
import { defaultPolicyScenarios } from './default-policies.ts';
import { environmentScenarios } from './environment.ts';
import { eventContentScenarios } from './event-content.ts';
import { existingProcessScenarios } from './existing-processes.ts';
import { filePathScenarios } from './file-paths.ts';
import { identityScenarios } from './identities.ts';
import { laneScenarios } from './lanes.ts';
import { loaderScenarios } from './loader.ts';
import { manyPolicyScenarios } from './many-policies.ts';
import { oddTextScenarios } from './odd-text.ts';
import { overrideScenarios } from './override.ts';
import { policyChangeScenarios } from './policy-changes.ts';
import { processSelectorScenarios } from './process-selectors.ts';
import { processStormScenarios } from './process-storm.ts';
import { processScenarios } from './processes.ts';
import { refusalScenarios } from './refusals.ts';
import { restartScenarios } from './restarts.ts';
import { sigkillScenarios } from './sigkill.ts';
import { socketScenarios } from './sockets.ts';
import { stackScenarios } from './stacks.ts';
import { syscallScenarios } from './syscalls.ts';
import { topScenarios } from './top.ts';
import { argumentTypeScenarios, tracepointScenarios } from './tracepoints.ts';
import { updateScenarios } from './updates.ts';

/** The name under which the end of the agent that scenarios share is reported. */
export const sharedAgentResult = 'the agent that scenarios share starts, and ends well when it is interrupted';

const everyScenario: readonly Scenario[] = [
  ...existingProcessScenarios,
  ...defaultPolicyScenarios,
  ...filePathScenarios,
  ...socketScenarios,
  ...syscallScenarios,
  ...overrideScenarios,
  ...sigkillScenarios,
  ...processScenarios,
  ...oddTextScenarios,
  ...eventContentScenarios,
  ...environmentScenarios,
  ...loaderScenarios,
  ...stackScenarios,
  ...processSelectorScenarios,
  ...tracepointScenarios,
  ...argumentTypeScenarios,
  ...manyPolicyScenarios,
  ...policyChangeScenarios,
  ...burstScenarios,
  ...processStormScenarios,
  ...laneScenarios,
  ...cgroupRateScenarios,
  ...refusalScenarios,
  ...agentDeathScenarios,
  ...restartScenarios,
  ...identityScenarios,
  ...updateScenarios,
  ...topScenarios,
  ...clockScenarios,
];

/** Those for this machine's own kernel, or for an emulated one. */
export function scenariosFor(place: 'host' | 'guest'): readonly Scenario[] {
  return everyScenario.filter(({ onHostOnly, onGuestOnly }) => !(place === 'host' ? onGuestOnly : onHostOnly));
}

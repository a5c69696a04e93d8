import type { Scenario } from '../harness/scenario.ts';
import { defaultPolicyScenarios } from './default-policies.ts';
import { filePathScenarios } from './file-paths.ts';
import { overrideScenarios } from './override.ts';
import { socketScenarios } from './sockets.ts';
import { syscallScenarios } from './syscalls.ts';

/** The name under which the end of the agent that scenarios share is reported. */
export const sharedAgentResult = 'the agent that scenarios share starts, and ends well when it is interrupted';

export const scenarios: readonly Scenario[] = [
  ...defaultPolicyScenarios,
  ...filePathScenarios,
  ...socketScenarios,
  ...syscallScenarios,
  ...overrideScenarios,
];

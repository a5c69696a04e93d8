import type { Scenario } from '../harness/scenario.ts';
import { filePathScenarios } from './file-paths.ts';
import { overrideScenarios } from './override.ts';
import { socketScenarios } from './sockets.ts';
import { syscallScenarios } from './syscalls.ts';

export const scenarios: readonly Scenario[] = [
  ...filePathScenarios,
  ...socketScenarios,
  ...syscallScenarios,
  ...overrideScenarios,
];

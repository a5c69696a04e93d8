import { integersOf, isEmptyList, keyPositionOf, mapsOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** A pid filter has pids to compare; 0 is the idle task, which runs no hook on behalf of a process. */
export const matchPids: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const filter of hook.selectors.flatMap((selector) => mapsOf(selector.node, 'matchPIDs'))) {
      if (isEmptyList(filter, 'values')) {
        const position = keyPositionOf(filter, 'values');
        report.error(position, 'missing-values', 'A filter of "matchPIDs" needs at least one pid', 'Add "values".');
      }
      for (const value of integersOf(filter, 'values')) {
        if (value.value <= maxPid) continue;
        const message = `${value.value} is no pid: the kernel's greatest is ${maxPid}`;
        report.warning(value.position, 'never-matches', message);
      }
    }
  }
};

/** PID_MAX_LIMIT of 64-bit kernels. */
const maxPid = 4 * 1024 * 1024;

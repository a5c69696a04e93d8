import type { Report } from '../finding.ts';
import type { HookView } from '../policy-view.ts';
import type { Rule } from './rule.ts';

/** System calls have six arguments on every architecture. */
const maxSyscallIndex = 5;

/** An argument is listed once, and exists as far as that can be known without a kernel. */
export const argumentIndex: Rule = (policy, report) => {
  for (const hook of policy.hooks) checkIndexes(hook, report);
};

function checkIndexes(hook: HookView, report: Report): void {
  const lines = new Map<number, number>();
  for (const { index } of hook.args) {
    if (index === undefined) continue;
    const line = lines.get(index.value);
    if (line !== undefined) {
      const message = `Argument ${index.value} is listed twice; it is on line ${line} already`;
      report.error(index.position, 'duplicate-index', message, 'Keep one of the two.');
    } else if (hook.syscall && index.value > maxSyscallIndex) {
      const message = `A system call has no argument ${index.value}`;
      report.error(index.position, 'no-such-argument', message, `Indexes go from 0 to ${maxSyscallIndex}.`);
    }
    lines.set(index.value, line ?? index.position.line);
  }
}

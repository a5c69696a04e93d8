import type { Report } from '../finding.ts';
import type { HookView } from '../policy-view.ts';
import { entryOf } from '../source.ts';
import { syscallName } from '../syscall-name.ts';
import type { Rule } from './rule.ts';

/** `syscall`, true by default, must agree with the name of the function: it decides where the arguments are. */
export const syscallFlag: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    if (hook.kind === 'kprobe' || hook.kind === 'fentry') checkFlag(hook, report);
  }
};

function checkFlag(hook: HookView, report: Report): void {
  const call = hook.name;
  if (call === undefined || call.text === '' || call.text.startsWith('list:')) return;
  const isSyscall = syscallName(call.text) !== undefined;
  if (hook.syscall && !isSyscall) {
    const why = entryOf(hook.node, 'syscall') === undefined ? ', and "syscall" is true when it is left out' : '';
    const message = `${JSON.stringify(call.text)} does not look like a system call (sys_...)${why}`;
    report.error(call.position, 'syscall-flag', message, 'Add "syscall: false" for a kernel function.');
  }
  if (!hook.syscall && /^sys_/.test(call.text)) {
    const message = `${JSON.stringify(call.text)} is a system call, whose function has another name on each architecture`;
    report.warning(call.position, 'syscall-flag', message, 'Write "syscall: true".');
  }
}

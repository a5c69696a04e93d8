import type { Report } from '../finding.ts';
import type { ActionView, HookView, SelectorView } from '../policy-view.ts';
import type { Rule } from './rule.ts';

/** Actions stand where the kernel can do them, and do not contradict one another. */
export const actionPlace: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const selector of hook.selectors) {
      for (const action of selector.actions) checkOverride(hook, action, report);
      checkTogether(selector, report);
    }
  }
};

/** A return value can be replaced where the kernel asks before it acts: system calls, `security_*`, LSM hooks. */
function checkOverride(hook: HookView, view: ActionView, report: Report): void {
  if (view.action?.text !== 'Override') return;
  const { position } = view.action;
  if (hook.kind === 'fentry') {
    const hint = 'Move the hook to "kprobes", or to "lsmhooks" for a security_* function.';
    report.error(position, 'action-place', 'Override does not work in "fentries", which only watch', hint);
  } else if (hook.kind === 'tracepoint' || hook.kind === 'rawTracepoint') {
    const hint = 'Use a kprobe on the system call, or Sigkill.';
    report.error(position, 'action-place', 'Override does not work at a tracepoint: there is nothing to return', hint);
  } else if (hook.kind === 'kprobe' && !hook.syscall && !hook.target.startsWith('security_')) {
    const message = `Override works on system calls and security_* functions, not on ${JSON.stringify(hook.target)}`;
    report.error(position, 'action-place', message, 'Use Sigkill, or hook the system call.');
  }
}

function checkTogether(selector: SelectorView, report: Report): void {
  const first = new Map<string, ActionView>();
  for (const view of selector.actions) {
    if (view.action === undefined) continue;
    const { text, position } = view.action;
    if (text === 'Override' && first.has(text)) {
      report.error(
        position,
        'contradicting-actions',
        'A function returns once: there are two Override actions',
        'Keep one.',
      );
    }
    const opposite = first.get(text === 'Post' ? 'NoPost' : text === 'NoPost' ? 'Post' : '');
    if (opposite !== undefined) {
      const message = 'Post and NoPost stand side by side: NoPost wins, there is no event';
      report.warning(position, 'contradicting-actions', message, 'Keep one of the two.');
    }
    first.set(text, view);
  }
}

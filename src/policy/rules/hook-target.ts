import type { Report } from '../finding.ts';
import type { SourceText } from '../model.ts';
import type { HookView } from '../policy-view.ts';
import { textOf } from '../source.ts';
import { syscallName } from '../syscall-name.ts';
import type { Rule } from './rule.ts';

/** The name of a hook must be one the kernel can have; whether it has it is known when the policy is resolved. */
export const hookTarget: Rule = (policy, report) => {
  for (const hook of policy.hooks) checkTarget(hook, report);
};

function checkTarget(hook: HookView, report: Report): void {
  switch (hook.section) {
    case 'kprobes':
    case 'fentries':
      checkCall(hook, report);
      break;
    case 'lsmhooks':
      checkLsmHook(hook, report);
      break;
    case 'tracepoints':
      checkIdentifier('a subsystem', textOf(hook.node, 'subsystem'), report);
      checkIdentifier('an event', hook.name, report);
      break;
    default:
      hook.section satisfies never;
  }
}

function checkCall(hook: HookView, report: Report): void {
  const call = hook.name;
  if (call === undefined || call.text === '') return;
  if (call.text.startsWith('list:')) {
    const hint = 'Write one hook for each function of the list.';
    report.error(call.position, 'not-compiled-yet', 'A "list:" of functions is not compiled yet', hint);
    return;
  }
  const syscall = syscallName(call.text);
  if (hook.syscall && syscall?.compat === true) {
    const message = `System calls of 32-bit programs (${JSON.stringify(call.text)}) are not compiled yet`;
    report.error(call.position, 'not-compiled-yet', message, `Use "${syscall.target}" for the 64-bit one.`);
    return;
  }
  if (syscall === undefined) checkSymbol(call, report);
}

/** Compilers add suffixes such as `.isra.0` to the names of functions. */
function checkSymbol(call: SourceText, report: Report): void {
  if (/^[A-Za-z_][A-Za-z0-9_.$]*$/.test(call.text)) return;
  const hint = 'Write its name as in /proc/kallsyms.';
  report.error(call.position, 'bad-target', `${JSON.stringify(call.text)} is not the name of a kernel function`, hint);
}

function checkLsmHook(hook: HookView, report: Report): void {
  if (hook.target.startsWith('security_')) {
    const short = hook.target.slice('security_'.length);
    const message = `LSM hooks are named without "security_": ${JSON.stringify(hook.target)} is the function that calls it`;
    report.error(hook.name!.position, 'bad-target', message, `Write "hook: ${short}".`);
    return;
  }
  checkIdentifier('a hook', hook.name, report);
}

function checkIdentifier(what: string, name: SourceText | undefined, report: Report): void {
  if (name === undefined || name.text === '' || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name.text)) return;
  const [subsystem, event] = name.text.split('/');
  const hint = event ? `Write "subsystem: ${subsystem}" and "event: ${event}".` : 'Use letters, digits and "_" only.';
  report.error(name.position, 'bad-target', `${JSON.stringify(name.text)} is not ${what} name`, hint);
}

import { positionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** Types that exist at some hooks only. */
export const argumentType: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    const isTracepoint = hook.kind === 'tracepoint' || hook.kind === 'rawTracepoint';
    const listed = hook.returnArg === undefined ? hook.args : [...hook.args, hook.returnArg];
    for (const argument of listed) {
      if (argument.type !== 'syscall64' || isTracepoint) continue;
      const message = 'The type syscall64 is the number in the tracepoints of raw_syscalls, nothing else has it';
      report.error(positionOf(argument.node, 'type'), 'argument-type', message, 'Use "uint64".');
    }
  }
};

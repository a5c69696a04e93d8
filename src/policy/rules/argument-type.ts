import type { Report } from '../finding.ts';
import type { ArgumentView } from '../policy-view.ts';
import { positionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** Types that exist at some hooks only. */
export const argumentType: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    const isTracepoint = hook.kind === 'tracepoint' || hook.kind === 'rawTracepoint';
    const listed = hook.returnArg === undefined ? hook.args : [...hook.args, hook.returnArg];
    for (const argument of listed) {
      checkSize(argument, isTracepoint || argument === hook.returnArg, report);
      if (argument.type !== 'syscall64' || isTracepoint) continue;
      const message = 'The type syscall64 is the number in the tracepoints of raw_syscalls, nothing else has it';
      report.error(positionOf(argument.node, 'type'), 'argument-type', message, 'Use "uint64".');
    }
  }
};

/** A buffer has its size in another parameter, counted from 1 as in Tetragon; nothing else has one. */
function checkSize({ type, node, sizeArgIndex }: ArgumentView, hasNoParameters: boolean, report: Report): void {
  if (type === 'char_buf' && hasNoParameters) {
    const message = 'A char_buf is a parameter beside one that has its size, which is not so here';
    report.error(positionOf(node, 'type'), 'argument-type', message, 'Use "string", or leave it out.');
  } else if (type === 'char_buf' && (sizeArgIndex?.value ?? 0) < 1) {
    const message = 'A char_buf needs "sizeArgIndex", the parameter that has its size, counted from 1';
    report.error(positionOf(node, 'type'), 'buffer-size', message, 'For write(2) it is 3.');
  } else if (type !== 'char_buf' && sizeArgIndex !== undefined) {
    const message = 'Only a char_buf has "sizeArgIndex"';
    report.error(positionOf(node, 'sizeArgIndex'), 'buffer-size', message, 'Leave it out.');
  }
}

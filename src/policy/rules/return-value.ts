import type { Report } from '../finding.ts';
import type { HookView } from '../policy-view.ts';
import { integerOf, keyPositionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** `return`, `returnArg` and `matchReturnArgs` belong together, at hooks that return something. */
export const returnValue: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    checkReturnArg(hook, report);
    checkReturnFilters(hook, report);
  }
};

function checkReturnArg(hook: HookView, report: Report): void {
  if (hook.returns && hook.returnArg === undefined) {
    const hint = 'Add "returnArg:" with "index: 0" and its type.';
    report.error(keyPositionOf(hook.node, 'return'), 'return-arg', '"return: true" needs a "returnArg"', hint);
  }
  if (!hook.returns && hook.returnArg !== undefined) {
    const message = '"returnArg" is not collected without "return: true"';
    report.warning(keyPositionOf(hook.node, 'returnArg'), 'return-arg', message, 'Add "return: true".');
  }
}

function checkReturnFilters(hook: HookView, report: Report): void {
  const canReturn = hook.kind === 'kprobe' || hook.kind === 'fentry';
  for (const selector of hook.selectors) {
    if (selector.matchReturnArgs.length === 0) continue;
    const position = keyPositionOf(selector.node, 'matchReturnArgs');
    if (!canReturn) {
      const message = `"matchReturnArgs" has no meaning in "${hook.section}": nothing has returned when they run`;
      report.error(position, 'return-filter', message, 'Use a kprobe or fentry on the function, with "return: true".');
    } else if (!hook.returns) {
      const hint = 'Add "return: true" and "returnArg".';
      report.error(position, 'return-filter', '"matchReturnArgs" needs the return value to be collected', hint);
    }
    for (const filter of selector.matchReturnArgs) {
      const index = integerOf(filter.node, 'index');
      if (index === undefined || index.value === 0) continue;
      const message = 'A function returns one value: "index" has no effect in "matchReturnArgs"';
      report.warning(index.position, 'return-filter', message, 'Write "index: 0".');
    }
  }
}

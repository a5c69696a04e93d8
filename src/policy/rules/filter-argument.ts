import type { Report } from '../finding.ts';
import type { FilterView, HookView } from '../policy-view.ts';
import { entryOf, integerOf, integersOf, keyPositionOf, positionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** `matchArgs` names an argument the hook lists, by `index` or by `args`. */
export const filterArgument: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const selector of hook.selectors) {
      for (const filter of selector.matchArgs) checkFilter(hook, filter, report);
    }
  }
};

function checkFilter(hook: HookView, filter: FilterView, report: Report): void {
  if (entryOf(filter.node, 'args') !== undefined) checkListed(hook, filter, report);
  else checkIndex(hook, filter, report);
}

function checkListed(hook: HookView, filter: FilterView, report: Report): void {
  const listed = integersOf(filter.node, 'args');
  const position = positionOf(filter.node, 'args');
  if (listed.length !== 1 && filter.operator !== undefined) {
    const message = `${filter.operator} compares one argument, "args" has ${listed.length}`;
    report.error(position, 'filter-argument', message, 'Write one filter for each argument.');
  }
  for (const item of listed) {
    if (item.value < hook.args.length) continue;
    const message = `"args" counts the arguments listed in the hook from 0: there is no ${item.value}`;
    report.error(item.position, 'filter-argument', message, argumentsHint(hook, hook.args.keys(), '"args" can be'));
  }
  if (integerOf(filter.node, 'index') !== undefined) {
    const message = '"args" goes before "index", which has no effect';
    report.warning(keyPositionOf(filter.node, 'index'), 'filter-argument', message, 'Remove one of the two.');
  }
}

function checkIndex(hook: HookView, filter: FilterView, report: Report): void {
  const index = integerOf(filter.node, 'index');
  if (index === undefined && entryOf(filter.node, 'index') !== undefined) return;
  const indexes = hook.args.flatMap((argument) => argument.index?.value ?? []);
  const hint = argumentsHint(hook, indexes, 'Indexes listed in "args" of the hook:');
  if (filter.argument === undefined) {
    const message = `The hook does not list argument ${index?.value ?? 0}, which this filter compares`;
    report.error(index?.position ?? filter.node.position, 'filter-argument', message, hint);
  } else if (index === undefined) {
    const message = 'The filter has neither "index" nor "args": it compares argument 0';
    report.warning(filter.node.position, 'filter-argument', message, 'Add "index: 0".');
  }
}

function argumentsHint(hook: HookView, known: Iterable<number>, start: string): string {
  return hook.args.length === 0 ? 'The hook has no "args".' : `${start} ${[...known].join(', ')}.`;
}

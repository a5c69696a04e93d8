import { buildArgFilter } from '../build-policy.ts';
import type { Report } from '../finding.ts';
import { operandOf } from '../operand.ts';
import type { FilterView, HookView } from '../policy-view.ts';
import { childOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** The operator and values of a filter suit the type of its argument. Types by `auto` are checked when they are resolved. */
export const filterOperand: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const selector of hook.selectors) {
      for (const filter of [...selector.matchArgs, ...selector.matchReturnArgs]) checkOperand(hook, filter, report);
    }
  }
};

function checkOperand(hook: HookView, view: FilterView, report: Report): void {
  const type = filteredType(hook, view);
  const filter = buildArgFilter(view);
  if (type === undefined || type === 'auto' || filter === undefined || hasBadValues(view)) return;
  // The operator is what does not suit the type; the values point to themselves.
  const { diagnostics } = operandOf(type, { ...filter, position: view.operatorPosition });
  for (const { severity, position, code, message, hint } of diagnostics) {
    if (severity === 'error') report.error(position, code, message, hint);
    else report.warning(position, code, message, hint);
  }
}

function filteredType(hook: HookView, view: FilterView) {
  if (view.argument === undefined) return undefined;
  return view.argument === -1 ? hook.returnArg?.type : hook.args[view.argument]?.type;
}

/** The schema reported values that are no list of strings; that there are none at all is for the operator to say. */
function hasBadValues(view: FilterView): boolean {
  const values = childOf(view.node, 'values');
  if (values === undefined) return false;
  return values.kind !== 'list' || (values.items.length > 0 && view.values.length === 0);
}

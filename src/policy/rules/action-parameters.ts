import type { Report } from '../finding.ts';
import type { ActionView, HookView } from '../policy-view.ts';
import { entryOf, flagOf, integerOf, keyPositionOf, positionOf } from '../source.ts';
import type { Rule } from './rule.ts';

/** Each action has the parameter it needs, within its bounds, and no other. */
export const actionParameters: Rule = (policy, report) => {
  for (const hook of policy.hooks)
    for (const action of hook.selectors.flatMap((selector) => selector.actions)) {
      checkParameter(action, signal, report);
      checkParameter(action, error, report);
      for (const key of ['kernelStackTrace', 'userStackTrace']) checkStack(action, key, hook.kind, report);
    }
};

/** Of Tetragon's messages only that of a kprobe has stacks. */
function checkStack(view: ActionView, key: string, kind: HookView['kind'], report: Report): void {
  if (!flagOf(view.node, key, false)) return;
  if (view.action?.text !== 'Post') {
    const message = `"${key}" has no effect on the action ${view.action?.text}`;
    report.warning(keyPositionOf(view.node, key), 'unused-parameter', message, 'It belongs to Post.');
  } else if (kind !== 'kprobe' && kind !== 'fentry') {
    const message = 'Stacks are reported of kernel functions, by kprobes and fentries, only';
    report.error(keyPositionOf(view.node, key), 'stack-unavailable', message, 'Hook a function below "kprobes".');
  }
}

interface Parameter {
  readonly key: string;
  readonly action: string;
  readonly what: string;
  readonly min: number;
  readonly max: number;
  readonly example: string;
}

const signal: Parameter = {
  key: 'argSig',
  action: 'Signal',
  what: 'a signal',
  min: 1,
  max: 64,
  example: '9 (SIGKILL)',
};

/** The kernel takes numbers of this range for errors (MAX_ERRNO). */
const error: Parameter = {
  key: 'argError',
  action: 'Override',
  what: 'an error',
  min: -4095,
  max: -1,
  example: '-1 (EPERM)',
};

function checkParameter(view: ActionView, parameter: Parameter, report: Report): void {
  const { key, action, what, min, max, example } = parameter;
  const written = entryOf(view.node, key) !== undefined;
  if (view.action?.text !== action) {
    if (written && view.action !== undefined) {
      const message = `"${key}" has no effect on the action ${view.action.text}`;
      report.warning(keyPositionOf(view.node, key), 'unused-parameter', message, `It belongs to ${action}.`);
    }
    return;
  }
  const value = integerOf(view.node, key)?.value;
  const hint = `For example "${key}: ${example.split(' ')[0]}" ${example.split(' ')[1]}.`;
  if (!written) {
    report.error(view.node.position, 'missing-parameter', `The action ${action} needs "${key}"`, hint);
  } else if (value !== undefined && (value < min || value > max)) {
    const message = `"${key}" must be ${what} from ${min} to ${max}, not ${value}`;
    report.error(positionOf(view.node, key), 'out-of-range', message, hint);
  }
}

import type { Report } from '../finding.ts';
import type { SourceText } from '../model.ts';
import { mapsOf, type SourceMap, textOf } from '../source.ts';
import { suggest } from '../suggest.ts';
import type { Rule } from './rule.ts';

/** Checks the value of an option; `value` is undefined when there is none. */
type OptionCheck = (value: SourceText | undefined, option: SourceText, report: Report) => void;

const known: ReadonlyMap<string, OptionCheck> = new Map<string, OptionCheck>([
  ['policy-mode', checkMode],
  ['disable-kprobe-multi', warnNoEffect('all policies of a hook share one program')],
  ['disable-uprobe-multi', warnNoEffect('there are no uprobes yet')],
  ['override-method', warnNoEffect('the best method the kernel has is chosen for each hook')],
  ['sleepable-preload-size', warnNoEffect('there are no uprobes yet')],
]);

/** `spec.options` are names and values; an unknown name is a mistake, and so is the same name twice. */
export const policyOptions: Rule = (policy, report) => {
  const seen = new Set<string>();
  for (const entry of policy.spec ? mapsOf(policy.spec, 'options') : []) checkOption(entry, seen, report);
};

function checkOption(entry: SourceMap, seen: Set<string>, report: Report): void {
  const option = textOf(entry, 'name');
  if (option === undefined || option.text === '') return;
  const check = known.get(option.text);
  if (check === undefined) {
    const near = suggest(option.text, known.keys());
    const hint = near === '' ? `Options: ${[...known.keys()].join(', ')}.` : near;
    report.error(option.position, 'unknown-option', `Unknown option ${JSON.stringify(option.text)}`, hint);
    return;
  }
  if (seen.has(option.text)) {
    report.error(
      option.position,
      'duplicate-option',
      `The option "${option.text}" is set twice`,
      'Keep one of the two.',
    );
  }
  seen.add(option.text);
  check(textOf(entry, 'value'), option, report);
}

const modes = ['enforce', 'monitor'];

function checkMode(value: SourceText | undefined, option: SourceText, report: Report): void {
  if (value !== undefined && modes.includes(value.text)) return;
  const written = value === undefined ? 'has no value' : `cannot be ${JSON.stringify(value.text)}`;
  const near = suggest(value?.text ?? '', modes);
  const hint = near === '' ? 'It is "enforce" or "monitor".' : near;
  report.error(value?.position ?? option.position, 'bad-option', `The option "policy-mode" ${written}`, hint);
}

function warnNoEffect(reason: string): OptionCheck {
  return (_value, option, report) => {
    report.warning(
      option.position,
      'option-without-effect',
      `The option "${option.text}" has no effect: ${reason}`,
      'Remove it.',
    );
  };
}

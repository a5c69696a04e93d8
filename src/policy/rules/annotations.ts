import { annotationKeys, ownPrefix, splitTechniques } from '../annotations.ts';
import type { Report } from '../finding.ts';
import type { SourceText } from '../model.ts';
import { severities } from '../model.ts';
import { mapOf, textOf } from '../source.ts';
import { suggest } from '../suggest.ts';
import type { Rule } from './rule.ts';

/** Annotations with our prefix are known, and their values are what events can show. */
export const annotations: Rule = (policy, report) => {
  const node = policy.metadata && mapOf(policy.metadata, 'annotations');
  if (node === undefined) return;
  for (const { key, keyPosition } of node.entries) {
    if (!key.startsWith(ownPrefix) || annotationKeys.some((known) => known === key)) continue;
    const hint = suggest(key, annotationKeys) || `There are ${annotationKeys.join(' and ')}.`;
    report.error(keyPosition, 'unknown-annotation', `Unknown annotation "${key}"`, hint);
  }
  checkSeverity(textOf(node, 'jatai.io/severity'), report);
  checkTechniques(textOf(node, 'jatai.io/mitre-attack'), report);
};

function checkSeverity(value: SourceText | undefined, report: Report): void {
  if (value === undefined || severities.some((severity) => severity === value.text)) return;
  const hint = suggest(value.text, severities) || `Use one of ${severities.join(', ')}.`;
  report.error(value.position, 'bad-annotation', `Unknown severity ${JSON.stringify(value.text)}`, hint);
}

function checkTechniques(value: SourceText | undefined, report: Report): void {
  if (value === undefined) return;
  const ids = splitTechniques(value.text);
  const hint = 'Use ids such as T1055 or T1059.004, with commas between them.';
  if (ids.length === 0) report.error(value.position, 'bad-annotation', 'No MITRE ATT&CK technique is named', hint);
  for (const id of ids) {
    if (techniqueId.test(id)) continue;
    const message = `${JSON.stringify(id)} is not the id of a MITRE ATT&CK technique`;
    report.error(value.position, 'bad-annotation', message, hint);
  }
}

/** A technique, or a sub-technique of it. */
const techniqueId = /^T\d{4}(\.\d{3})?$/;

import type { Report } from '../finding.ts';
import { parseInteger } from '../integer-text.ts';
import type { SourceText } from '../model.ts';
import { hostNamespace } from '../namespace-names.ts';
import { isEmptyList, keyPositionOf, mapsOf, textsOf } from '../source.ts';
import { suggest } from '../suggest.ts';
import type { Rule } from './rule.ts';

/** Values of `matchNamespaces` are inode numbers or `host_ns`. */
export const matchNamespaces: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const filter of hook.selectors.flatMap((selector) => mapsOf(selector.node, 'matchNamespaces'))) {
      if (isEmptyList(filter, 'values')) {
        const position = keyPositionOf(filter, 'values');
        const message = 'A filter of "matchNamespaces" needs at least one value';
        report.error(position, 'missing-values', message, 'Add "values", for example [host_ns].');
      }
      for (const value of textsOf(filter, 'values')) checkValue(value, report);
    }
  }
};

function checkValue(value: SourceText, report: Report): void {
  if (value.text === hostNamespace) return;
  const inode = parseInteger(value.text);
  if (inode !== undefined && inode >= 0n && inode <= 0xffffffffn) return;
  const near = suggest(value.text, [hostNamespace]);
  const hint = near === '' ? 'Write "host_ns" or the number in "ls -l /proc/PID/ns".' : near;
  const message = `${JSON.stringify(value.text)} is not the inode number of a namespace`;
  report.error(value.position, 'bad-namespace', message, hint);
}

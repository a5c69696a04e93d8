import { capabilityNames, capabilityNumber } from '../capabilities.ts';
import type { Report } from '../finding.ts';
import type { SourceText } from '../model.ts';
import { isEmptyList, keyPositionOf, mapsOf, textsOf } from '../source.ts';
import { suggest } from '../suggest.ts';
import type { Rule } from './rule.ts';

/** Values of `matchCapabilities` are names of capabilities. */
export const matchCapabilities: Rule = (policy, report) => {
  for (const hook of policy.hooks) {
    for (const filter of hook.selectors.flatMap((selector) => mapsOf(selector.node, 'matchCapabilities'))) {
      if (isEmptyList(filter, 'values')) {
        const position = keyPositionOf(filter, 'values');
        const message = 'A filter of "matchCapabilities" needs at least one capability';
        report.error(position, 'missing-values', message, 'Add "values", for example [CAP_SYS_ADMIN].');
      }
      for (const value of textsOf(filter, 'values')) checkValue(value, report);
    }
  }
};

function checkValue(value: SourceText, report: Report): void {
  if (capabilityNumber(value.text) !== undefined) return;
  const near = suggest(value.text, capabilityNames);
  const hint = near === '' ? 'Names are those of capabilities(7), such as CAP_SYS_ADMIN.' : near;
  report.error(value.position, 'unknown-value', `Unknown capability ${JSON.stringify(value.text)}`, hint);
}

import { textOf } from '../source.ts';
import type { Rule } from './rule.ts';

const maxNameLength = 253;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Names are DNS subdomains, as Kubernetes wants them. */
export const metadataName: Rule = (policy, report) => {
  const name = policy.metadata && textOf(policy.metadata, 'name');
  if (name === undefined || name.text === '') return;
  if (name.text.length > maxNameLength) {
    report.error(name.position, 'bad-name', `The name is longer than ${maxNameLength} characters`, 'Shorten it.');
  } else if (!subdomain.test(name.text)) {
    const message = `The name ${JSON.stringify(name.text)} is not a DNS subdomain`;
    report.error(name.position, 'bad-name', message, nameHint(name.text));
  }
};

function nameHint(name: string): string {
  const rule = 'Use lower-case letters, digits, "-" and "." only';
  const near = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/(^|\.)-+|-+(?=\.|$)/g, '$1');
  return subdomain.test(near) ? `${rule}, for example "${near}".` : `${rule}.`;
}

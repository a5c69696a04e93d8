import { expect, test } from 'vitest';
import { checkPolicies } from './check.ts';
import { examplePolicies } from './example-policies.ts';

test.each(examplePolicies)('policies as people write them are accepted: %#', (text) => {
  const { policies, diagnostics } = checkPolicies(text, 'policy.yaml');
  expect(diagnostics.filter((found) => found.severity === 'error')).toEqual([]);
  expect(policies.length).toBe(text.split('\n---\n').length);
  expect(policies.every((policy) => policy.hooks.length > 0)).toBe(true);
});

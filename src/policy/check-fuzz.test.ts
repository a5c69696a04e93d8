import { expect, test } from 'vitest';
import { checkPolicies } from './check.ts';
import { examplePolicies } from './example-policies.ts';
import { mutatePolicy, randomSource } from './mutate-policy.ts';
import { parsePolicies } from './parse.ts';

const seed = 20_261_120;
const cases = 1500;

test(`random changes to good policies give a policy or an error (seed ${seed})`, () => {
  const random = randomSource(seed);
  let accepted = 0;
  for (let count = 0; count < cases; count++) {
    accepted += checkOne(mutatePolicy(random, examplePolicies));
  }
  // Both outcomes must be met often, or the changes are too wild or too tame to show anything.
  expect(accepted).toBeGreaterThan(cases / 20);
  expect(accepted).toBeLessThan(cases * 0.9);
});

/** The number of policies. Fails when a document gave both a policy and an error, or neither. */
function checkOne(text: string): number {
  const { policies, diagnostics } = checkPolicies(text, 'fuzz.yaml');
  const errors = diagnostics.filter((found) => found.severity === 'error');
  for (const { line, column, message } of diagnostics) {
    expect(line, text).toBeGreaterThan(0);
    expect(column, text).toBeGreaterThan(0);
    expect(message, text).not.toMatch(/undefined|\[object/);
  }
  const parsed = parsePolicies(text, 'fuzz.yaml');
  if (parsed.diagnostics.length > 0) {
    // Documents that could not be read have no place of their own to look for an error in.
    expect(errors.length, text).toBeGreaterThan(0);
    expect(policies.length, text).toBeLessThanOrEqual(parsed.documents.length);
    return policies.length;
  }
  expect(parsed.documents.length, text).toBeGreaterThan(0);
  const starts = parsed.documents.map((document) => document.root.position.line);
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    const isRefused = errors.some((found) => found.line >= start && found.line < end);
    const isPolicy = policies.some((policy) => policy.position.line === start);
    expect(isRefused !== isPolicy, text).toBe(true);
  }
  return policies.length;
}

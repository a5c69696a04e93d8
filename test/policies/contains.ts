/**
 * True when `actual` has everything that `expected` has: objects may have more members, arrays are as long and match
 * element by element, everything else is equal.
 */
export function contains(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((element, index) => contains(actual[index], element))
    );
  }
  if (typeof expected !== 'object' || expected === null) return Object.is(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  const members = actual as Record<string, unknown>;
  return Object.entries(expected).every(([key, value]) => contains(members[key], value));
}

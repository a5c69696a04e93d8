import { Ajv, type ErrorObject } from 'ajv';
import { expect, test } from 'vitest';
import { canonicalise } from './canonicalise.ts';
import { examplePolicies } from './example-policies.ts';
import { reportInto } from './finding.ts';
import { mutatePolicy, randomSource } from './mutate-policy.ts';
import { parsePolicies } from './parse.ts';
import { policySchema } from './schema.ts';
import { findViolations, type Violation } from './schema-violations.ts';
import type { SourceMap, SourceNode } from './source.ts';

const seed = 20_261_121;
const cases = 2000;

test(`findViolations finds what ajv finds, on random changes to good policies (seed ${seed})`, () => {
  const random = randomSource(seed);
  const validate = referenceValidator();
  let found = 0;
  for (let count = 0; count < cases; count++) {
    const text = mutatePolicy(random, examplePolicies);
    for (const document of parsePolicies(text, 'fuzz.yaml').documents) {
      const root = canonicalise(document.root, reportInto([]));
      const violations = findViolations(root, policySchema).map(describeViolation);
      validate(plainValue(root));
      const reference = (validate.errors ?? []).map((error) => describeError(root, error));
      expect(violations.sort(), text).toEqual(reference.sort());
      found += violations.length;
    }
  }
  expect(found).toBeGreaterThan(cases / 10);
});

function referenceValidator() {
  const ajv = new Ajv({ allErrors: true, strict: true, ownProperties: true });
  ajv.addKeyword({
    keyword: 'notCompiled',
    schemaType: 'string',
    validate: (_hint: string, value: unknown) => isEmpty(value),
  });
  ajv.addKeyword({
    keyword: 'notCompiledValues',
    schemaType: 'object',
    validate: (hints: object, value: unknown) => typeof value !== 'string' || !Object.hasOwn(hints, value),
  });
  return ajv.compile(policySchema);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === false || value === 0 || value === '') return true;
  if (typeof value !== 'object') return false;
  return Array.isArray(value) ? value.length === 0 : Object.values(value).every(isEmpty);
}

function plainValue(node: SourceNode): unknown {
  switch (node.kind) {
    case 'map':
      return Object.fromEntries(node.entries.map((entry) => [entry.key, plainValue(entry.value)]));
    case 'list':
      return node.items.map(plainValue);
    case 'scalar':
      return node.value;
    default:
      return node satisfies never;
  }
}

function describeViolation({ place, keyword, field }: Violation): string {
  return describe(place.node, keyword, field);
}

function describeError(root: SourceMap, { instancePath, keyword, params }: ErrorObject): string {
  return describe(nodeAt(root, instancePath), keyword, params['additionalProperty'] ?? params['missingProperty'] ?? '');
}

function describe({ position, kind }: SourceNode, keyword: string, field: string): string {
  return `${position.line}:${position.column} ${kind} ${keyword} ${field}`;
}

/** Follows a JSON pointer that ajv made from the same document. */
function nodeAt(root: SourceMap, pointer: string): SourceNode {
  let node: SourceNode = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (node.kind === 'list') node = node.items[Number(key)]!;
    else if (node.kind === 'map') node = node.entries.find((entry) => entry.key === key)!.value;
  }
  return node;
}

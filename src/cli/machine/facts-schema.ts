import type { SchemaObject } from 'ajv';
import type { KernelFacts } from '../../compiler/kernel-facts.ts';
import { featureTitles } from './feature-titles.ts';

/** `KernelFacts.schema` that this version reads and writes. */
export const factsFormat = 1 satisfies KernelFacts['schema'];

const text: SchemaObject = { type: 'string' };
const flag: SchemaObject = { type: 'boolean' };
const size: SchemaObject = { type: 'integer', minimum: 0 };

function record(values: SchemaObject): SchemaObject {
  return { type: 'object', additionalProperties: values };
}

/** An object with these members and, if there are any, others that are not looked at: a newer version may add some. */
function members(required: Readonly<Record<string, SchemaObject>>): SchemaObject {
  return { type: 'object', properties: required, required: Object.keys(required) };
}

function list(items: SchemaObject): SchemaObject {
  return { type: 'array', items };
}

const typeFact = { type: text, size, signed: flag };
const prototype = members({ parameters: list(members({ ...typeFact, name: text })), returns: members(typeFact) });
const shape: SchemaObject = { type: 'string', enum: ['scalar', 'array', 'dataLocation'] };
const format = members({ id: size, fields: list(members({ ...typeFact, name: text, offset: size, shape })) });
const feature = members({ available: flag, reason: text });

/** JSON schema of a facts file. */
export const factsSchema: SchemaObject = members({
  schema: { type: 'integer', enum: [factsFormat] },
  release: text,
  version: { type: 'array', items: [size, size, size], minItems: 3, additionalItems: false },
  machine: { type: 'string', enum: ['x86_64', 'aarch64'] satisfies KernelFacts['machine'][] },
  features: members(Object.fromEntries(Object.keys(featureTitles).map((name) => [name, feature]))),
  preemption: {
    type: 'string',
    enum: ['none', 'voluntary', 'full', 'lazy', 'realtime', 'unknown'] satisfies KernelFacts['preemption'][],
  },
  syscalls: record(size),
  functions: record(prototype),
  rawTracepoints: record(prototype),
  tracepoints: record(format),
  hostNamespaces: record(size),
  ptRegs: record(size),
});

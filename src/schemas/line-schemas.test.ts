import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sampleLines, sampleTitle } from '../events/sample-replay.ts';
import { eventTypes } from './event-facts.ts';
import type { JsonObject } from './json.ts';
import { eventSchemas, type LineSchema, lineSchemas, type SchemaName } from './line-schemas.ts';
import { ecsMistakes, lostValues, ocsfMistakes } from './test-schema-rules.ts';

const golden = new URL('golden/', import.meta.url);
const mistakes = { ocsf: ocsfMistakes, ecs: ecsMistakes } as const;
const schemaNames: readonly SchemaName[] = ['ocsf', 'ecs'];
const cases = readdirSync(golden).flatMap((file) => (file.endsWith('.event.json') ? [file.slice(0, -11)] : []));

function goldenEvent(name: string): JsonObject {
  return JSON.parse(readFileSync(new URL(`${name}.event.json`, golden), 'utf8'));
}

describe.each(schemaNames)('%s', (schema) => {
  test.each(cases)('%s is as in its golden file', async (name) => {
    const mapped = eventSchemas[schema](goldenEvent(name));
    await expect(`${JSON.stringify(mapped, undefined, 2)}\n`).toMatchFileSnapshot(`golden/${name}.${schema}.json`);
  });

  test.each(cases)('%s has what the schema requires, and loses nothing', (name) => {
    check(goldenEvent(name), schema);
  });

  test.each(sampleLines.map((line, index) => [index + 1, sampleTitle(JSON.parse(line)), line] as const))(
    'sample %i of Tetragon, %s, has what the schema requires, and loses nothing',
    (_, __, line) => check(JSON.parse(line), schema),
  );
});

function check(event: JsonObject, schema: SchemaName): void {
  const mapped = reread(lineSchemas[schema], `${JSON.stringify(event)}\n`);
  expect(mistakes[schema](mapped)).toEqual([]);
  expect(lostValues(event, mapped)).toEqual([]);
}

function reread(schema: LineSchema, line: string): JsonObject {
  const buffer = Buffer.from(`before${line}behind`);
  const result = schema(buffer, 'before'.length, buffer.length - 'behind'.length);
  expect(result.includes(0x0a)).toBe(false);
  return JSON.parse(result.toString());
}

test('every event that Tetragon has is among the golden files', () => {
  const types = new Set(cases.flatMap((name) => Object.keys(goldenEvent(name))));
  expect(eventTypes.filter((type) => !types.has(type))).toEqual([]);
});

test.each(schemaNames)('%s: a line that is no event is told with its text', (schema) => {
  for (const line of ['', '[1]', 'null', '"text"', '{"process_exec":', `${'['.repeat(50_000)}`, '{"a":\ud800}']) {
    const mapped = reread(lineSchemas[schema], `${line}\n`);
    expect(mistakes[schema](mapped)).toEqual([]);
    expect(JSON.stringify(mapped)).toContain('not an event in JSON');
    expect(lostValues({ line: Buffer.from(line).toString() }, mapped)).toEqual([]);
  }
});

test.each(schemaNames)('%s: values nested too deep to print do not throw', (schema) => {
  const depth = 100_000;
  const line = `{"process_exec":{"process":{"pid":1},"x":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
  expect(reread(lineSchemas[schema], line)).toMatchObject(schema === 'ocsf' ? { class_uid: 0 } : { ecs: {} });
});

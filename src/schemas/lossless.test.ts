import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sampleLines } from '../events/sample-replay.ts';
import type { JsonObject } from './json.ts';
import { lineSchemas, type SchemaName } from './line-schemas.ts';
import { mutate, Random } from './test-random-events.ts';
import { ecsMistakes, lostValues, ocsfMistakes } from './test-schema-rules.ts';

const golden = new URL('golden/', import.meta.url);
const events: readonly JsonObject[] = [
  ...sampleLines.map((line) => JSON.parse(line)),
  ...readdirSync(golden)
    .filter((file) => file.endsWith('.event.json'))
    .map((file) => JSON.parse(readFileSync(new URL(file, golden), 'utf8'))),
];
const seed = Number(process.env['SCHEMA_SEED'] ?? 1);
const CASES = Number(process.env['SCHEMA_CASES'] ?? 1500);
const mistakes = { ocsf: ocsfMistakes, ecs: ecsMistakes } as const;

test.each(['ocsf', 'ecs'] as const)('%s: random events keep every value and have what is required', (schema) => {
  const random = new Random(seed);
  for (let index = 0; index < CASES; index++) {
    const line = JSON.stringify(mutate(random.pick(events), events, random));
    const problems = problemsOf(line, schema);
    if (problems.length > 0) expect.fail(`seed ${seed}, case ${index}: ${problems.join('\n')}\n${line}`);
  }
});

function problemsOf(line: string, schema: SchemaName): string[] {
  const buffer = Buffer.from(line);
  const mapped: JsonObject = JSON.parse(lineSchemas[schema](buffer, 0, buffer.length).toString());
  return [...mistakes[schema](mapped), ...lostValues(JSON.parse(buffer.toString()), mapped)];
}

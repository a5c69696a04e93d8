import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaySample, sampleLines } from '../events/sample-replay.ts';
import { jsonLossLine } from '../export/loss-line.ts';
import type { JsonObject } from '../schemas/json.ts';
import { eventSchemas } from '../schemas/line-schemas.ts';
import { openConfiguredOutputs } from './open-configured-outputs.ts';

test('outputs of files write the schema that they ask for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jatai-schema-'));
  try {
    const schemas = ['tetragon', 'ocsf', 'ecs'] as const;
    const path = (schema: string): string => join(folder, `${schema}.json`);
    const description = schemas.map(
      (name) => `  - {name: ${name}, type: file, path: ${path(name)}, schema: ${name}}\n`,
    );
    writeFileSync(join(folder, 'outputs.yaml'), `outputs:\n${description.join('')}`);
    const outputs = await openConfiguredOutputs({
      path: join(folder, 'outputs.yaml'),
      context: {},
      nodeName: 'node-1',
      lossLine: jsonLossLine('node-1'),
      report: (message) => expect.fail(message),
    });
    replaySample(JSON.parse(sampleLines[1]!), () => outputs.map(({ sink }) => sink));
    for (const { sink } of outputs) sink.close();
    await Promise.all(outputs.map(({ sink }) => sink.output.finished));
    const [tetragon, ocsf, ecs] = schemas.map((name) => readLines(path(name)));
    expect(tetragon!.length).toBeGreaterThan(0);
    expect(ocsf).toEqual(tetragon!.map((event) => reread(eventSchemas.ocsf(event))));
    expect(ecs).toEqual(tetragon!.map((event) => reread(eventSchemas.ecs(event))));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function readLines(path: string): JsonObject[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** As it is after having been written. */
function reread(event: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(event));
}

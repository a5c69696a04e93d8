import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { jsonLossLine } from '../../export/loss-line.ts';
import { type ConfiguredOutput, haveOutputsChanged, openConfiguredOutputs } from './open-configured-outputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-configured-'));
afterAll(() => rmSync(folder, { recursive: true }));

const exec = `{"process_exec":{"process":{"exec_id":"YTox","pid":1,"binary":"/bin/a","start_time":"2026-11-20T04:59:45Z"}},"node_name":"n","time":"2026-11-20T04:59:45.048218521Z"}\n`;

test('each output has its own filters, numbers and schema', async () => {
  const outputs = await open(`
  - {name: plain, type: file, path: ${folder}/plain, fieldFilters: [{fields: process.pid}]}
  - {name: ocsf, type: file, path: ${folder}/ocsf, schema: ocsf, sequenceNumbers: true, rateLimit: 1}
  - {name: ecs, type: file, path: ${folder}/ecs, schema: ecs, sequenceNumbers: true}`);
  const line = Buffer.from(exec);
  for (const { sink } of [...outputs, ...outputs]) sink.write(line, 0, line.length);
  for (const { sink } of outputs) sink.close();
  await Promise.all(outputs.map(({ sink }) => sink.output.finished));
  const [plain] = linesOf('plain');
  expect(plain).toEqual({ process_exec: { process: { pid: 1 } }, node_name: 'n', time: expect.any(String) });
  const [event, loss] = linesOf('ocsf');
  expect(event).toMatchObject({ class_uid: 1007, metadata: { sequence: 1 } });
  /* What tells of missing events is in the same schema. */
  expect(loss).toMatchObject({ metadata: { event_code: 'rate_limit_info' } });
  expect(linesOf('ecs')).toMatchObject([{ event: { sequence: 1 } }, { event: { sequence: 2 } }]);
  expect(outputs[1]!.sink.rateLimited).toBe(1);
});

test('a small file is put aside before it exceeds its size', async () => {
  const [small] = await open(`\n  - {name: small, type: file, path: ${folder}/small, maxSize: 4KiB, maxBackups: 0}`);
  const line = Buffer.from(exec);
  for (let event = 0; event < 100; event++) small!.sink.write(line, 0, line.length);
  small!.sink.close();
  await small!.sink.output.finished;
  const sizes = readdirSync(folder)
    .filter((name) => name.startsWith('small'))
    .map((name) => statSync(join(folder, name)).size);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100 * line.length);
});

test('a filter that cannot be used is refused with its place', async () => {
  const filters = '{name: a, type: stdout, allowList: [{event_set: [PROCESS_EXEK]}]}';
  await expect(open(`\n  - ${filters}`)).rejects.toThrow(
    `${folder}/outputs.yaml:2:41: allowList: field "event_set", value 1: "PROCESS_EXEK" is not one of its values. Did you mean "PROCESS_EXEC"?`,
  );
});

test('a file that the command line writes to is refused', async () => {
  await expect(open('\n  - {name: a, type: file, path: /var/log/taken.json}')).rejects.toThrow(
    `${folder}/outputs.yaml:2:5: an option of the command line writes to /var/log/taken.json already`,
  );
});

test('a file of outputs that is changed is noticed', async () => {
  const { files } = await openAll('\n  - {name: a, type: stdout}');
  expect(await haveOutputsChanged(files)).toBe(false);
  writeFileSync(files.path, 'outputs: []\n');
  expect(await haveOutputsChanged(files)).toBe(true);
});

async function open(outputs: string): Promise<readonly ConfiguredOutput[]> {
  return (await openAll(outputs)).opened;
}

function openAll(outputs: string) {
  const path = join(folder, 'outputs.yaml');
  writeFileSync(path, `outputs:${outputs}\n`);
  return openConfiguredOutputs({
    path,
    context: {},
    nodeName: 'n',
    lossLine: jsonLossLine('n'),
    report: () => {},
    taken: ['/var/log/taken.json'],
  });
}

// biome-ignore lint/suspicious/noExplicitAny: lines of any shape
function linesOf(name: string): any[] {
  const lines = readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

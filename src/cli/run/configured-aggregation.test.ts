import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { jsonLossLine } from '../../export/loss-line.ts';
import { type ConfiguredOutput, openConfiguredOutputs } from './open-configured-outputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-configured-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function open(name: string, aggregation: string): Promise<ConfiguredOutput> {
  const path = join(folder, `${name}.yaml`);
  const output = `{name: ${name}, type: file, path: ${folder}/${name}, sequenceNumbers: true, aggregation: ${aggregation}}`;
  writeFileSync(path, `outputs: [${output}]\n`);
  const { opened } = await openConfiguredOutputs({
    path,
    context: {},
    nodeName: 'n',
    lossLine: jsonLossLine('n'),
    report: () => {},
    taken: [],
  });
  return opened[0]!;
}

test('an output that a file describes joins equal events, and numbers what it writes', async () => {
  const { sink } = await open('joined', '{window: 1m}');
  const line = Buffer.from('{"process_lsm":{"process":{"pid":7}},"node_name":"n","time":"2026-11-20T04:59:45Z"}\n');
  for (let call = 0; call < 3; call++) sink.write(line, 0, line.length);
  const other = Buffer.from(line.toString().replace('lsm', 'kprobe'));
  sink.write(other, 0, other.length);
  expect(sink.aggregated()).toEqual({ taken: 4, lines: 0, joined: 2, waiting: 2 });
  sink.close();
  await sink.output.finished;
  expect(
    readFileSync(join(folder, 'joined'), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((text) => JSON.parse(text)),
  ).toMatchObject([
    { process_lsm: {}, aggregation_info: { count: '3' }, sequence: '1' },
    { process_kprobe: {}, aggregation_info: { count: '1' }, sequence: '2' },
  ]);
});

test('a window that is no time up to an hour is refused', async () => {
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await expect(open('late', '{window: 2h}')).rejects.toThrow('it has mistakes');
  expect(errors.mock.calls.join()).toContain('"2h" is not a time up to an hour');
  errors.mockRestore();
});

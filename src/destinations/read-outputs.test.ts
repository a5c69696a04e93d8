import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Secret } from '../config/secret-key.ts';
import { type DestinationOutputConfig, type FileOutputConfig, readOutputs } from './read-outputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'jatai-read-outputs-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'outputs.yaml');

describe('outputs', () => {
  test('have defaults', async () => {
    const [syslog, written, printed] = (
      await read(`
- {name: siem, type: syslog, address: "tls://logs.example.com"}
- {name: all, type: file, path: /var/log/all.json}
- {name: out, type: stdout}`)
    ).outputs as [DestinationOutputConfig, FileOutputConfig, unknown];
    expect(syslog).toMatchObject({
      kind: 'destination',
      common: { name: 'siem', schema: 'tetragon', allowList: [], sequenceNumbers: false, bufferSize: 64 * 2 ** 20 },
      delivery: {
        onFull: 'dropNewest',
        batch: { maxEvents: 500, maxBytes: 2 ** 20, maxDelay: 1000 },
        retry: { initialDelay: 1000, maxDelay: 30_000, giveUpAfter: 0 },
        timeout: 10_000,
      },
      settings: { address: { transport: 'tls', host: 'logs.example.com', port: 6514 }, facility: 'daemon' },
    });
    expect(written).toMatchObject({ kind: 'file', settings: { path: '/var/log/all.json', permissions: 0o600 } });
    expect(printed).toMatchObject({ kind: 'stdout', common: { name: 'out' } });
  });

  test('have values, also beside defaults of the same group', async () => {
    const { outputs, diagnostics } = await read(`
- name: siem
  type: syslog
  address: unix:///dev/log
  bufferSize: 1MiB
  onFull: dropOldest
  batch: {maxDelay: 250ms}
  rateLimit: 60000
  sequenceNumbers: true
  allowList:
    - event_set: [PROCESS_EXEC]
      pid: [1, 2]`);
    expect(diagnostics).toEqual([]);
    expect(outputs[0]).toMatchObject({
      common: {
        bufferSize: 2 ** 20,
        rateLimit: 60_000,
        sequenceNumbers: true,
        allowList: [{ values: { event_set: ['PROCESS_EXEC'], pid: [1, 2] }, where: '11:7' }],
      },
      delivery: { onFull: 'dropOldest', batch: { maxEvents: 500, maxDelay: 250 } },
      settings: { address: { transport: 'unix', path: '/dev/log' } },
    });
  });

  test('have secrets elsewhere, read when they are needed', async () => {
    const place = join(folder, 'token');
    writeFileSync(place, 'one\n');
    process.env['JATAI_TEST_TOKEN'] = 'two';
    const { outputs } = await read(`
- name: hook
  type: webhook
  address: https://example.com/events
  headers: {A: {file: ${place}}, B: {env: JATAI_TEST_TOKEN}, C: three}`);
    const { headers } = (outputs[0] as DestinationOutputConfig).settings as { headers: Record<string, Secret> };
    expect(Object.values(headers).map((secret) => secret.read())).toEqual(['one', 'two', 'three']);
    writeFileSync(place, 'new\n');
    expect(headers['A']!.read()).toBe('new');
  });

  test.each([
    ['{name: a, type: stdouts}', '2:19: Unknown type of output "stdouts" (Did you mean "stdout"?)'],
    ['{name: a}', '2:3: The key "type" is missing (Known are file, stdout, '],
    ['{type: stdout}', '2:3: The key "name" is missing'],
    ['{name: a b, type: stdout}', '2:10: "a b" is not a name of letters, digits, ".", "_" and "-"'],
    ['{name: a, type: stdout, pat: /x}', '2:27: Unknown key "pat" (Known are '],
    ['{name: a, type: file, paht: /x}', '2:25: Unknown key "paht" (Did you mean "path"?)'],
    ['{name: a, type: file, path: x}', '2:31: "x" is not an absolute path (Write the path from / on.)'],
    ['{name: a, type: stdout, rateLimit: [1]}', '2:38: Expected a single value, found a list'],
    ['{name: a, type: stdout, bufferSize: 1}', '2:39: "1" is not a size from 64K to 1G, such as 32M'],
    ['{name: a, type: webhook, address: "http://a/", timeout: 0s}', '2:59: "0s" is not a time above 0'],
    ['{name: a, type: stdout, schema: osf}', '2:35: "osf" is not one of tetragon, ocsf, ecs'],
    ['{name: a, type: stdout, allowList: {}}', '2:38: Expected a list, found a map'],
    ['{name: a, type: stdout, allowList: [x]}', '2:39: Expected a filter, found "x"'],
    ['{name: a, type: syslog, address: logs}', '2:36: "logs" is not an address such as tls://'],
    ['{name: a, type: syslog, address: "udp://x", tls: {}}', '2:47: TLS is not used with this address'],
    ['{name: a, type: syslog, address: "tls://x", framing: newline}', '2:47: There is no choice of frames with tls://'],
    ['{name: a, type: syslog, address: "tcp://x", batch: {maxEvents: 0}}', '2:66: "0" is not a number from 1 to'],
    ['{name: a, type: webhook, address: "ftp://x"}', '2:37: "ftp://x" is not an address such as https://'],
    ['{name: a, type: webhook, address: "http://x", headers: {a: {file: /none}}}', '2:62: The secret cannot be read'],
    ['{name: a, type: webhook, address: "http://x", headers: {a: {}}}', '2:62: Expected one place of a secret'],
    ['{name: a, type: webhook, address: "http://x", headers: {Host: x}}', '2:49: The header Host is set by the output'],
    ['x', '2:3: An output is a map'],
  ])('%s', async (output, expected) => {
    const { outputs, messages } = await read(`- ${output}`);
    expect(outputs).toEqual([]);
    expect(messages[0]).toContain(expected);
    expect(messages).toHaveLength(1);
  });

  test('of one name or place are refused, across the files of a directory', async () => {
    const directory = mkdtempSync(join(folder, 'd-'));
    writeFileSync(join(directory, 'a.yaml'), 'outputs: [{name: a, type: stdout}]\n');
    writeFileSync(join(directory, 'b.yml'), 'outputs: [{name: a, type: file, path: /x}, {name: b, type: stdout}]\n');
    writeFileSync(join(directory, 'c.txt'), 'nothing');
    writeFileSync(join(directory, 'd.yml'), 'outputs: [{name: d, type: file, path: /y/../x}]\n');
    const { outputs, diagnostics } = await readOutputs(directory);
    expect(outputs).toHaveLength(4);
    expect(diagnostics.map(({ file: found, message }) => `${found}: ${message}`)).toEqual([
      `${join(directory, 'b.yml')}: Another output has the name "a": the one at ${join(directory, 'a.yaml')}:1`,
      `${join(directory, 'b.yml')}: Another output has standard output: the one at ${join(directory, 'a.yaml')}:1`,
      `${join(directory, 'd.yml')}: Another output has the file /x: the one at ${join(directory, 'b.yml')}:1`,
    ]);
  });

  test.each([
    ['', '1:1: The file holds no file of outputs'],
    ['- a', '1:1: A file of outputs is a map, this document is a list'],
    ['output: []', '1:1: Unknown key "output" (Did you mean "outputs"?)'],
    ['outputs: [', '1:11: '],
  ])('a file with %j', async (text, expected) => {
    writeFileSync(file, text);
    expect(messagesOf(await readOutputs(file)).some((message) => message.startsWith(expected))).toBe(true);
  });

  test('a path that is not there', async () => {
    const { diagnostics } = await readOutputs(join(folder, 'none.yaml'));
    expect(diagnostics[0]!.message).toMatch(/^Cannot be read: ENOENT/);
  });
});

async function read(outputs: string) {
  writeFileSync(file, `outputs:\n${outputs.replace(/^\n/, '')}\n`);
  const result = await readOutputs(file);
  return { ...result, messages: messagesOf(result) };
}

function messagesOf({ diagnostics }: Awaited<ReturnType<typeof readOutputs>>): string[] {
  return diagnostics.map(({ line, column, message, hint }) => `${line}:${column}: ${message} (${hint})`);
}

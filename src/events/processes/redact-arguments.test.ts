import { expect, test } from 'vitest';
import { EventPipeline } from '../event-pipeline.ts';
import { dataBytes, type ExecFields, execBytes, exitBytes } from '../test-record.ts';

const header = {
  ktime: 20_000n,
  execKtime: 20_000n,
  tgid: 20,
  parentTgid: 1,
  parentKtime: 1000n,
  binary: '/bin/login',
};

/** The arguments of each process block of each line, in order. */
function argumentsOf(...records: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const pipeline = new EventPipeline({
    nodeName: 'node-1',
    bootToWallNs: 0n,
    redact: (binary, text) => `${text.replace(/secret/g, '*****')} of ${binary}`,
    sinks: [
      {
        takes: 'lines',
        write: (line, start, end) => lines.push(line.toString('utf8', start, end)),
        flush: () => {},
        close: () => {},
      },
    ],
  });
  pipeline.cache.addProcess({
    tgid: 1,
    ktimeNs: 1000n,
    parentTgid: 0,
    parentKtimeNs: 0n,
    binary: Buffer.from('/sbin/init'),
    args: Buffer.from('init\0secret\0'),
    cwd: undefined,
    uid: 0,
    auid: 0,
    nsPid: 1,
  });
  for (const record of records) pipeline.handle(record, 0, record.length);
  pipeline.close();
  expect(lines.join('')).not.toContain('secret');
  return lines.flatMap((line) =>
    Object.values(JSON.parse(line))
      .filter((value) => typeof value === 'object')
      .flatMap((event) => Object.values(event as object))
      .flatMap((block) => (typeof block === 'object' ? [block.arguments] : [])),
  );
}

function exec(argv: readonly string[], more: Partial<ExecFields> = {}): Buffer {
  return execBytes({ ...header, argv, ...more });
}

test('redacted arguments are the text, quotes included, in every event', () => {
  const exit = exitBytes({ ...header, ktime: 21_000n, code: 0 });
  expect(argumentsOf(exec(['login', '--pass', 'my secret']), exit)).toEqual([
    '--pass "my *****" of /bin/login',
    '***** of /sbin/init',
    '--pass "my *****" of /bin/login',
    '***** of /sbin/init',
  ]);
});

test('arguments that come in pieces are redacted when they are whole', () => {
  const argv = ['login', '--pass', 'secret'];
  const bytes = Buffer.from('login\0--pass\0secret\0');
  const rest = dataBytes(header, 15, bytes.subarray(15));
  expect(argumentsOf(exec(argv, { inline: 15 }), rest)[0]).toBe('--pass ***** of /bin/login');
});

test('a program without arguments has none to redact', () => {
  expect(argumentsOf(exec(['login']))[0]).toBeUndefined();
});

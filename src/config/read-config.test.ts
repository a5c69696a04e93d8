import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { helpLines } from './help.ts';
import { option, optional } from './option.ts';
import { booleanType, choiceType, durationType, fileModeType, listType, sizeType, textType } from './option-types.ts';
import { ConfigError, readConfig } from './read-config.ts';

const options = {
  'rb-size': option(sizeType({ min: 4096 }), 32 * 2 ** 20, 'bytes of the event ring', 'ring-size'),
  'log-level': option(choiceType(['debug', 'info', 'warn'], { warning: 'warn' }), 'info', 'what is logged'),
  'enable-process-cred': option(booleanType, false, 'show credentials'),
  policy: option(listType('FILE|DIR'), [], 'policies to load', 'tracing-policy'),
  output: optional(textType('FORMAT'), 'json or compact', 'o'),
  'export-file-perm': option(fileModeType, 0o600, 'permissions'),
  'export-file-rotation-interval': optional(durationType, 'rotate after this time'),
  'config-dir': optional(textType('DIR'), 'more settings'),
} as const;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function read(args: string[], environment: Record<string, string> = {}, paths: string[] = []) {
  return readConfig(options, { args, environment, paths });
}

function problemsOf(...parameters: Parameters<typeof read>): string[] {
  try {
    read(...parameters);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('flags', () => {
  it('are written as users of Go programs write them', () => {
    const { values, operands } = read([
      '--rb-size=8M',
      '-o',
      'json',
      '--enable-process-cred',
      'rest',
      '--log-level',
      'warn',
    ]);
    expect(values).toMatchObject({
      'rb-size': 8 * 2 ** 20,
      output: 'json',
      'enable-process-cred': true,
      'log-level': 'warn',
    });
    expect(operands).toEqual(['rest']);
    expect(read(['--enable-process-cred=false']).values['enable-process-cred']).toBe(false);
    expect(read(['--', '--rb-size']).operands).toEqual(['--rb-size']);
  });

  it('of lists add up, with commas too', () => {
    expect(read(['--policy', 'a,b', '--policy', 'c']).values.policy).toEqual(['a', 'b', 'c']);
  });

  it('of lists add up under all names of an option', () => {
    expect(read(['--policy', 'a', '--tracing-policy=b', '--policy=c']).values.policy).toEqual(['a', 'b', 'c']);
    for (const name of ['policy', 'tracing-policy']) writeFileSync(join(directory, name), name);
    expect(read([], {}, [directory]).values.policy).toEqual(['policy', 'tracing-policy']);
  });

  it('of choices may be given by another name of the choice', () => {
    expect(read(['--log-level=warning']).values['log-level']).toBe('warn');
  });

  it('that are wrong are all named with what is expected', () => {
    expect(problemsOf(['--rb-sise', '8M', '--log-level=loud', '--rb-size=8Q', '--output'])).toEqual([
      '--output: a value is missing. Write --output FORMAT.',
      expect.stringMatching(/^--rb-sise: unknown option\..*rb-size/),
      '--rb-size: "8Q" is not a size from 4K to 1024G, such as 32M',
      '--log-level: "loud" is not one of debug, info, warn',
    ]);
  });
});

describe('precedence', () => {
  it('goes from the defaults over files, --config-dir and the environment to flags', () => {
    const base = join(directory, 'base');
    const named = join(directory, 'named');
    mkdirSync(base);
    mkdirSync(named);
    const yaml = join(directory, 'jatai.yaml');
    writeFileSync(join(base, 'rb-size'), '1M\n');
    writeFileSync(join(base, 'log-level'), 'debug\n');
    writeFileSync(yaml, 'rb-size: 2M\nenable-process-cred: true\npolicy: [a, b]\n');
    expect(read([], {}, [base, yaml]).values).toMatchObject({
      'rb-size': 2 ** 21,
      'log-level': 'debug',
      'enable-process-cred': true,
      policy: ['a', 'b'],
      'export-file-perm': 0o600,
    });
    writeFileSync(join(named, 'rb-size'), '4M');
    const args = ['--config-dir', named];
    expect(read(args, {}, [base, yaml]).values['rb-size']).toBe(2 ** 22);
    const environment = { TETRAGON_RB_SIZE: '8M', JATAI_RB_SIZE: '16M' };
    const fromEnvironment = read(args, environment, [base, yaml]);
    expect(fromEnvironment.values['rb-size']).toBe(2 ** 24);
    expect(fromEnvironment.origins.get('rb-size')).toBe('JATAI_RB_SIZE');
    expect(read([...args, '--ring-size', '64M'], environment, [base, yaml]).values['rb-size']).toBe(2 ** 26);
    expect(read(args, { TETRAGON_RB_SIZE: '8M' }).values['rb-size']).toBe(2 ** 23);
  });

  it('replaces a list of a weaker source', () => {
    expect(read(['--policy', 'c'], { JATAI_POLICY: 'a,b' }).values.policy).toEqual(['c']);
  });
});

describe('files', () => {
  it('of a mounted ConfigMap are read through its links', () => {
    mkdirSync(join(directory, '..data'));
    writeFileSync(join(directory, '..data', 'log-level'), 'warn');
    symlinkSync('..data/log-level', join(directory, 'log-level'));
    expect(read([], {}, [directory]).values['log-level']).toBe('warn');
  });

  it('may name a directory that stands over them', () => {
    mkdirSync(join(directory, 'base'));
    mkdirSync(join(directory, 'named'));
    writeFileSync(join(directory, 'base', 'config-dir'), join(directory, 'named'));
    writeFileSync(join(directory, 'named', 'log-level'), 'debug');
    expect(read([], {}, [join(directory, 'base')]).values['log-level']).toBe('debug');
  });

  it('of YAML hold objects as filters are written, and no key without a value', () => {
    const yaml = join(directory, 'jatai.yaml');
    writeFileSync(yaml, 'output: [{pid: [1]}, {pid: [2]}]\n');
    expect(read([], {}, [yaml]).values.output).toBe('{"pid":[1]}\n{"pid":[2]}');
    writeFileSync(yaml, 'output:\n');
    expect(problemsOf([], {}, [yaml])).toEqual([`${yaml}: output: a value is missing. Write one, or remove the line.`]);
  });

  it('with unknown names or broken YAML are refused by their path', () => {
    const yaml = join(directory, 'jatai.yaml');
    writeFileSync(yaml, '- a\n');
    expect(problemsOf([], {}, [yaml])).toEqual([
      `${yaml}: is no map of options. Write one "name: value" for each option.`,
    ]);
    writeFileSync(yaml, 'a: [\n');
    expect(problemsOf([], {}, [yaml])[0]).toContain(yaml);
    writeFileSync(yaml, 'log-levle: warn\n');
    expect(problemsOf([], {}, [yaml])[0]).toMatch(/jatai.yaml: log-levle: unknown option/);
    expect(problemsOf(['--config-dir', join(directory, 'none')])[0]).toContain('no such file or directory');
  });
});

describe('names that are not ours', () => {
  it('of Tetragon are passed over with a notice where nothing is missed', () => {
    const { notices } = read(['--process-cache-size=1', '--enable-k8s-api=false']);
    expect(notices.map(({ origin }) => origin)).toEqual(['--process-cache-size', '--enable-k8s-api']);
    expect(problemsOf(['--enable-k8s-api'])[0]).toMatch(/Tetragon's option "enable-k8s-api" is not available/);
    expect(problemsOf(['--enable-k8s-api', 'true'])[0]).toMatch(/Tetragon's option "enable-k8s-api" is not available/);
  });

  it('are not taken for options of one letter', () => {
    expect(problemsOf([], { JATAI_FOO: '1' })).toEqual(['JATAI_FOO: unknown option']);
  });

  it('in the environment are refused only when they can be meant for us', () => {
    expect(
      read([], { TETRAGON_SOMETHING: 'x', JATAI_SERVICE_HOST: '10.0.0.1', JATAI_PORT_54321_TCP_ADDR: 'x' }).notices,
    ).toEqual([]);
    expect(problemsOf([], { JATAI_LOG_LEVLE: 'x' })[0]).toMatch(/^JATAI_LOG_LEVLE: unknown option/);
  });
});

describe('values', () => {
  it('of times and modes are read in their units', () => {
    const { values } = read(['--export-file-rotation-interval', '1h30m', '--export-file-perm', '640']);
    expect(values).toMatchObject({ 'export-file-rotation-interval': 5_400_000, 'export-file-perm': 0o640 });
    expect(problemsOf(['--export-file-rotation-interval=5', '--export-file-perm=999'])).toHaveLength(2);
  });

  it('have a line of help each', () => {
    expect(helpLines(options)).toMatchInlineSnapshot(`
      "  --rb-size SIZE                      bytes of the event ring (default 32M)
        --log-level debug|info|warn         what is logged (default info)
        --enable-process-cred               show credentials
        --policy FILE|DIR                   policies to load
        -o, --output FORMAT                 json or compact
        --export-file-perm MODE             permissions (default 600)
        --export-file-rotation-interval TIME
                                            rotate after this time
        --config-dir DIR                    more settings"
    `);
  });
});

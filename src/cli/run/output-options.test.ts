import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config/read-config.ts';
import { outputOptions, outputSettings } from './output-options.ts';

function settings(args: readonly string[], isTerminal = false) {
  return outputSettings(readConfig(outputOptions, { args, environment: {}, paths: [] }).values, isTerminal);
}

describe('settings of outputs', () => {
  test('standard output is compact on a terminal, else JSON, and nothing beside a file', () => {
    expect(settings([], true).output).toBe('compact');
    expect(settings([]).output).toBe('json');
    expect(settings(['--export', 'f']).output).toBe('none');
    expect(settings(['--export-filename', 'f', '-o', 'json']).output).toBe('json');
  });

  test('a file with rotation has the defaults of Tetragon, the other has no limit', () => {
    expect(settings(['--export-filename', 'f']).file).toEqual({
      path: 'f',
      mode: 0o600,
      maxBytes: 10 * 2 ** 20,
      maxBackups: 5,
      intervalMs: 0,
      compress: false,
    });
    expect(settings(['--export', 'f']).file).toMatchObject({ path: 'f', maxBytes: 0, maxBackups: 0 });
  });

  test('every option of the file counts', () => {
    const args = ['--export-filename=f', '--export-file-max-size-mb=1', '--export-file-max-backups=0'];
    args.push('--export-file-rotation-interval=24h', '--export-file-compress', '--export-file-perm=640');
    expect(settings(args).file).toEqual({
      path: 'f',
      mode: 0o640,
      maxBytes: 2 ** 20,
      maxBackups: 0,
      intervalMs: 86_400_000,
      compress: true,
    });
  });

  test('-1 is no rate limit, 0 lets nothing pass', () => {
    expect(settings([]).ratePerMinute).toBeUndefined();
    expect(settings(['--export-rate-limit=-1']).ratePerMinute).toBeUndefined();
    expect(settings(['--export-rate-limit=0']).ratePerMinute).toBe(0);
  });

  test('what has no effect is said', () => {
    expect(settings(['--export-file-compress', '--export-file-perm', '640']).notices).toEqual([
      '--export-file-compress has no effect: it is about the file of --export-filename, which is not given',
      '--export-file-perm has no effect: it is about the file of --export-filename, which is not given',
    ]);
    expect(settings(['--export-filename', 'f', '--export-file-compress']).notices).toEqual([]);
  });

  const mistakes: readonly [args: readonly string[], message: string][] = [
    [['--export', 'a', '--export-filename', 'b'], 'both name the file of events'],
    [['--export-filename', 'f', '--export-file-perm', '400'], '--export-file-perm 400 does not let the agent write'],
    [['--export-filename', 'f', '--export-file-max-size-mb', '0'], '--export-file-max-size-mb: "0" is not a number'],
    [['--output-buffer-size', '1M'], '--output-buffer-size: "1M" is not a size from 16M to 1G'],
  ];
  for (const [args, message] of mistakes) {
    test(args.join(' '), () => expect(() => settings(args)).toThrow(message));
  }

  test('events are joined when that is asked for, with the defaults of Tetragon', () => {
    expect(settings([]).aggregation).toBeUndefined();
    expect(settings(['--enable-export-aggregation']).aggregation).toEqual({ windowMs: 15_000, maxEvents: 10_000 });
    const args = ['--enable-export-aggregation', '--export-aggregation-window-size=2s'];
    expect(settings([...args, '--export-aggregation-buffer-size', '7']).aggregation).toEqual({
      windowMs: 2000,
      maxEvents: 7,
    });
    expect(() => settings([...args, '--export-aggregation-window-size=2h'])).toThrow('longer than an hour');
    expect(settings([...args, '-o', 'compact']).notices).toEqual([expect.stringContaining('compact events')]);
  });
});

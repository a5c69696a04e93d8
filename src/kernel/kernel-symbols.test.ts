import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KernelSymbols } from './kernel-symbols.ts';

const core = [
  '0000000000000000 A fixed_percpu_data',
  'ffffffff81000000 T _stext',
  'ffffffff81000000 T _text',
  'ffffffff81000010 t first',
  'ffffffff81000020 D data_between',
  'ffffffff81000040 W weak_one',
  'ffffffff81000100 T __end_of_entry',
  'ffffffff81000100 T _etext',
  'ffffffff81000200 T _sinittext',
];
const modules = [
  'ffffffffc0301000 t late_start\t[late]',
  'ffffffffc0201040 t second\t[early]',
  'ffffffffc0201000 t start\t[early]',
  'ffffffffc0201080 d early_data\t[early]',
  'ffffffffc0280000 t bpf_prog_6deef7357e7b4530_x\t[bpf]',
];

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jatai-symbols-'));
  path = join(folder, 'kallsyms');
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function write(lines: readonly string[]): void {
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
}

function show(symbols: KernelSymbols, address: bigint): string | undefined {
  const found = symbols.find(address);
  return found && `${found.symbol}+${found.offset}${found.module === '' ? '' : ` [${found.module}]`}`;
}

test.each<[string, bigint, string | undefined]>([
  ['the first of several names', 0xffffffff81000000n, '_stext+0'],
  ['the last byte before the next function', 0xffffffff8100000fn, '_stext+15'],
  ['the start of a function', 0xffffffff81000010n, 'first+0'],
  ['data is no code', 0xffffffff81000028n, 'first+24'],
  ['a weak symbol, up to the end of code', 0xffffffff810000ffn, 'weak_one+191'],
  ['the end of code', 0xffffffff81000100n, undefined],
  ['code of the boot', 0xffffffff81000200n, undefined],
  ['below the first symbol', 0xffffffff80ffffffn, undefined],
  ['modules are not in order', 0xffffffffc0201004n, 'start+4 [early]'],
  ['the last function of a module', 0xffffffffc0201090n, 'second+80 [early]'],
  ['far behind a module', 0xffffffffc0211040n, undefined],
  ['a BPF program', 0xffffffffc0280001n, 'bpf_prog_6deef7357e7b4530_x+1 [bpf]'],
  ['a module listed first', 0xffffffffc0301000n, 'late_start+0 [late]'],
  ['the last address', 0xffffffffffffffffn, undefined],
  ['memory of processes', 0x401000n, undefined],
  ['between the halves of memory', 0x8000000000000000n, undefined],
])('find: %s', (_, address, expected) => {
  write([...core, ...modules]);
  expect(show(new KernelSymbols(path), address)).toBe(expected);
});

test('find: modules below the kernel, as on arm64, without an end of code', () => {
  write(['ffff800080010000 T _stext', 'ffff800080010800 T last', 'ffff80007a001000 t start\t[early]']);
  const symbols = new KernelSymbols(path);
  expect(show(symbols, 0xffff80007a001008n)).toBe('start+8 [early]');
  expect(show(symbols, 0xffff800080010808n)).toBe('last+8');
  expect(show(symbols, 0xffff80008000fff8n)).toBeUndefined();
});

test('find: an address outside known code has the file read again after ten seconds', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  write(core);
  const symbols = new KernelSymbols(path);
  expect(show(symbols, 0xffffffffc0201000n)).toBeUndefined();
  write([...core, ...modules]);
  now.mockReturnValue(9999);
  expect(show(symbols, 0xffffffffc0201000n)).toBeUndefined();
  now.mockReturnValue(10_000);
  expect(show(symbols, 0xffffffffc0201000n)).toBe('start+0 [early]');
  rmSync(path);
  now.mockReturnValue(20_000);
  expect(show(symbols, 0xffffffffd0000000n)).toBeUndefined();
  expect(show(symbols, 0xffffffff81000010n)).toBe('first+0');
  expect(symbols.missing).toBeUndefined();
});

test('missing: says why there are no names, until there are', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  const symbols = new KernelSymbols(path);
  expect(symbols.missing).toBeUndefined();
  expect(show(symbols, 0xffffffff81000010n)).toBeUndefined();
  expect(symbols.missing).toContain('ENOENT');
  write([...core, ...modules].map((line) => `0000000000000000${line.slice(16)}`));
  now.mockReturnValue(10_000);
  expect(show(symbols, 0xffffffff81000010n)).toBeUndefined();
  expect(symbols.missing).toBe(`${path} shows no addresses: grant CAP_SYSLOG, and set kernel.kptr_restrict to 0 or 1`);
  write(core);
  now.mockReturnValue(20_000);
  expect(show(symbols, 0xffffffff81000010n)).toBe('first+0');
  expect(symbols.missing).toBeUndefined();
});

test('running: finds what this kernel lists', ({ skip }) => {
  const line = readFileSync('/proc/kallsyms', 'latin1').match(/^([0-9a-f]+) T (do_exit|kernel_clone)$/m);
  skip(line === null || /^0+$/.test(line[1]!), '/proc/kallsyms shows no addresses');
  const found = KernelSymbols.running.find(BigInt(`0x${line![1]}`) + 1n);
  expect(found).toEqual({ symbol: line![2], offset: 1n, module: '' });
});

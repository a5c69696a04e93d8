import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The command line as users meet it: bin/jatai as a process of its own.

const root = join(import.meta.dirname, '..', '..');
const debianFacts = join(root, 'test', 'fixtures', 'facts', 'debian-6.12.json');
const oldFacts = join(root, 'test', 'fixtures', 'facts', 'no-kprobes-6.18.json');
const goodPolicy = join(root, 'test', 'golden', 'explain', 'outbound-connections.yaml');
const isRoot = process.getuid?.() === 0;

const wrongPolicy = `apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: wrong
spec:
  kprobes:
  - call: tcp_connect
    syscall: false
    args:
    - index: 0
      type: sock
    selectors:
    - matchArgs:
      - index: 0
        operator: DPorts
        values: [1]
`;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'jatai-cli-'));
  writeFileSync(join(folder, 'wrong.yaml'), wrongPolicy);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function jatai(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(join(root, 'bin', 'jatai'), args, { cwd: folder, encoding: 'utf8' });
  return { status, stdout, stderr };
}

function shell(command: string): Outcome {
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `set -o pipefail; ${command}`], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('jatai', () => {
  test('help lists the commands, and is wrong use without a command', () => {
    const { status, stdout } = jatai('help');
    expect(status).toBe(0);
    for (const command of ['run', 'probe', 'policy check', 'policy explain', 'facts'])
      expect(stdout).toContain(command);
    expect(jatai().status).toBe(2);
  });

  test('version is that of the package', () => {
    expect(jatai('version')).toEqual({ status: 0, stdout: 'jatai 0.1.0\n', stderr: '' });
    expect(jatai('--version').stdout).toBe('jatai 0.1.0\n');
  });

  test.each([
    ['run', '--help'],
    ['help', 'probe'],
    ['policy', 'check', '-h'],
    ['help', 'policy', 'explain'],
    ['facts', '--help'],
  ])('%s %s %s prints the use of the command', (...words: (string | undefined)[]) => {
    const args = words.filter((word) => word !== undefined);
    const { status, stdout } = jatai(...args);
    expect(status).toBe(0);
    const name = args.filter((word) => word !== 'help' && !word.startsWith('-')).join(' ');
    expect(stdout).toMatch(new RegExp(`^Usage: jatai ${name} `));
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  test.each([
    [['polcy'], 'jatai: Unknown command "polcy". Did you mean "policy"?'],
    [['policy', 'chek'], 'jatai: Unknown command "policy chek". Did you mean "check"?'],
    [['policy'], 'jatai: jatai policy needs a second word:'],
    [['policy', 'check', '--jsn', 'x'], 'jatai: Unknown option "--jsn". Did you mean "--json"?'],
    [['policy', 'check'], 'jatai: No policy given: name a file or a directory'],
    [['policy', 'explain', 'x.yaml', '--facts'], 'jatai: --facts needs a value'],
    [['facts', 'x.yaml'], 'jatai: Unexpected argument "x.yaml": policies are given with --for'],
    [['probe', '--color', 'red'], 'jatai: --color "red" is not one of auto, always, never'],
    [['status', '-o', 'xml'], 'jatai: --output "xml" is not one of text, json'],
    [['policy', 'set-mode', 'x'], 'jatai: The name of one policy and its mode are needed, enforce or monitor'],
    [['events', '--process', '(?U)x'], 'jatai: --process "(?U)x": the flag (?U) is not supported'],
    [['run', '--polcy', 'x'], 'jatai: --polcy: unknown option. Did you mean "--policy"?'],
    [['run', '--ring-size', '1Q'], 'jatai: --ring-size: "1Q" is not a size from 4K to 1G, such as 32M'],
  ])('%j is wrong use', (args, message) => {
    const { status, stdout, stderr } = jatai(...args);
    expect(stderr.split('\n')[0]).toBe(message);
    expect(stderr).toMatch(/Run 'jatai .*help' for its use\.\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test('a reader that goes away early ends it quietly', () => {
    const { status, stdout, stderr } = shell('jatai facts | head -1');
    expect(stdout).toBe('{\n');
    expect(stderr).not.toContain('EPIPE');
    expect(status).toBe(0);
  });

  test('a full disk is one line', () => {
    const { status, stderr } = shell(`jatai policy check ${goodPolicy} > /dev/full`);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'jatai: standard output: no space left on the device\n' });
  });
});

describe('jatai policy check', () => {
  test('shows line, caret and hint of a mistake', () => {
    const { status, stdout, stderr } = jatai('policy', 'check', 'wrong.yaml');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toBe(`wrong.yaml:15:19: error: Unknown operator "DPorts"
          operator: DPorts
                    ^
  hint: Did you mean "DPort"?
1 file, 0 good policies: 1 error, 0 warnings
`);
  });

  test('prints the same as JSON', () => {
    const { status, stdout } = jatai('policy', 'check', '--json', 'wrong.yaml', 'missing.yaml');
    expect(status).toBe(1);
    const [missing, wrong] = JSON.parse(stdout);
    expect(missing).toEqual({
      file: 'missing.yaml',
      line: 1,
      column: 1,
      severity: 'error',
      code: 'unreadable',
      message: 'Cannot be read: no such file or directory',
      hint: '',
    });
    expect(wrong).toMatchObject({ file: 'wrong.yaml', line: 15, column: 19, code: 'unknown-value' });
  });

  test('accepts good policies, and prints an empty array for them', () => {
    expect(jatai('policy', 'check', goodPolicy)).toMatchObject({
      status: 0,
      stdout: '1 file, 1 good policy: no mistakes\n',
    });
    expect(jatai('policy', 'check', '--json', goodPolicy)).toMatchObject({ status: 0, stdout: '[]\n' });
  });

  test('takes the yaml files of a directory, and says when there are none', () => {
    mkdirSync(join(folder, 'some', 'deeper'), { recursive: true });
    for (const name of ['b.yml', 'a.yaml', 'notes.txt', 'deeper/c.yaml']) {
      writeFileSync(
        join(folder, 'some', name),
        wrongPolicy.replace('DPorts', 'DPort').replace('wrong', name.replace(/\W/g, '-')),
      );
    }
    expect(jatai('policy', 'check', 'some').stdout).toBe('2 files, 2 good policies: no mistakes\n');
    mkdirSync(join(folder, 'empty'));
    const { status, stdout } = jatai('policy', 'check', 'empty/');
    expect(status).toBe(1);
    expect(stdout).toContain('empty/:1:1: error: The directory has no policies');
  });

  test('with --facts also finds what that kernel cannot do', () => {
    expect(jatai('policy', 'check', goodPolicy, '--facts', debianFacts).status).toBe(0);
    const { status, stdout } = jatai('policy', 'check', goodPolicy, '--facts', oldFacts, '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([{ file: goodPolicy, line: 8, code: 'hook-unavailable' }]);
  });
});

describe('--facts', () => {
  const check = (facts: string) => jatai('policy', 'check', goodPolicy, '--facts', facts);
  const explained = (message: string) => ({ status: 1, stdout: '', stderr: expect.stringMatching(message) });

  test('is refused with a reason when the file is missing, cut off, of another format or something else', () => {
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return name;
    };
    const whole = shell(`cat ${debianFacts}`).stdout;
    const facts = JSON.parse(whole);
    expect(check('missing.json')).toEqual(explained('^jatai: missing.json: no such file or directory\n'));
    expect(check(file('empty.json', ''))).toEqual(explained('^jatai: empty.json: the facts file is empty\n'));
    const cut = file('cut.json', whole);
    truncateSync(join(folder, cut), 1000);
    expect(check(cut)).toEqual(explained('^jatai: cut.json: the facts file ends too early\n  hint: Make it with'));
    expect(check(goodPolicy)).toEqual(explained('not a facts file: Unexpected token'));
    expect(check(file('next.json', JSON.stringify({ ...facts, schema: 2 })))).toEqual(
      explained('^jatai: next.json: facts of format 2; this jatai reads format 1\n'),
    );
    const { machine: _machine, ...without } = facts;
    expect(check(file('without.json', JSON.stringify(without)))).toEqual(
      explained('not a facts file: "machine" is missing'),
    );
    const { lsm: _lsm, ...features } = facts.features;
    expect(check(file('features.json', JSON.stringify({ ...facts, features })))).toEqual(
      explained('not a facts file: features: "lsm" is missing'),
    );
    expect(
      check(file('type.json', JSON.stringify({ ...facts, functions: { tcp_connect: { parameters: 1 } } }))),
    ).toEqual(explained('not a facts file: functions.tcp_connect: "returns" is missing'));
  });
});

describe('jatai policy explain', () => {
  test('explains for a stored kernel, instructions at the end', () => {
    const { status, stdout, stderr } = jatai('policy', 'explain', goodPolicy, '--facts', debianFacts);
    expect(status).toBe(0);
    expect(stderr).toContain('has part of its kernel');
    expect(stdout).toContain('Hook 1 of 1: tcp_connect\n  attached  fentry/tcp_connect\n');
    expect(stdout.indexOf('Instructions of fentry/tcp_connect')).toBeGreaterThan(stdout.indexOf('Selectors'));
  });

  test('leaves the instructions out when asked to', () => {
    const { stdout } = jatai('policy', 'explain', goodPolicy, '--facts', debianFacts, '--no-instructions');
    expect(stdout).not.toContain('Instructions of');
  });

  test('explains the good policies and shows the mistakes of the others', () => {
    const { status, stdout, stderr } = jatai('policy', 'explain', 'wrong.yaml', goodPolicy, '--facts', debianFacts);
    expect(status).toBe(1);
    expect(stderr).toContain('wrong.yaml:15:19: error: Unknown operator "DPorts"');
    expect(stdout).toContain('outbound-connections');
  });

  test('explains for this kernel without --facts', () => {
    const policy = wrongPolicy
      .replace('kprobes:', 'tracepoints:')
      .replace(/ {2}- call[\s\S]*/, '  - subsystem: sched\n    event: sched_process_exec\n    raw: true\n');
    writeFileSync(join(folder, 'raw.yaml'), policy);
    const { status, stdout } = jatai('policy', 'explain', 'raw.yaml', '--no-instructions');
    expect(status).toBe(0);
    expect(stdout).toContain('attached  raw_tp/sched_process_exec');
    expect(stdout).toContain('matches every call');
  });
});

describe('jatai facts', () => {
  test('writes a file that --facts reads, only for the policies that are named', () => {
    expect(shell(`jatai facts --for ${goodPolicy} > small.json`).status).toBe(0);
    const facts = JSON.parse(shell('cat small.json').stdout);
    expect(Object.keys(facts.functions)).toEqual(['tcp_connect']);
    expect(facts).toMatchObject({ schema: 1, partial: true, syscalls: {}, tracepoints: {}, rawTracepoints: {} });
    expect(shell(`jatai policy check --json ${goodPolicy} --facts small.json`).stdout).toMatch(/^\[/);
  });

  test('keeps the functions and tracepoints that are named', () => {
    const facts = JSON.parse(
      jatai('facts', '--functions', 'tcp_connect,vfs_read', '--functions', 'nothing_like_it').stdout,
    );
    expect(Object.keys(facts.functions)).toEqual(['tcp_connect', 'vfs_read']);
  });

  test('does not write facts for policies with mistakes', () => {
    const { status, stdout, stderr } = jatai('facts', '--for', 'wrong.yaml');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/Unknown operator[\s\S]*jatai: The policies of --for have errors\n$/);
  });
});

describe('jatai probe', () => {
  test.runIf(isRoot)('shows features, what policies can do and what to change', () => {
    const { status, stdout, stderr } = jatai('probe');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Kernel \d+\.\d+/);
    expect(stdout).toContain('  yes  type information (BTF)\n');
    expect(stdout).toMatch(/ {2}yes {2}process events: exec, fork, exit +by raw_tracepoint\n/);
    expect(stdout).not.toContain('\u001b');
  });

  test('prints the same as JSON, and colours when told to', () => {
    const report = JSON.parse(jatai('probe', '--json', '--facts', debianFacts).stdout);
    expect(report.kernel).toMatchObject({ machine: 'x86_64', version: [6, 12, 117] });
    expect(report.features.lsm).toEqual({ available: true, reason: '' });
    expect(report.policies[0]).toMatchObject({ what: 'process events: exec, fork, exit', works: true });
    expect(jatai('probe', '--facts', debianFacts, '--color', 'always').stdout).toContain('\u001b[32myes\u001b[0m');
  });
});

describe('jatai events < FILE', () => {
  const exec = (binary: string) => JSON.stringify({ process_exec: { process: { binary, exec_id: binary } } });

  test('names lines that are no events and prints the others', () => {
    const odd = '{"process_exec":{"process":{"binary":5}}}';
    writeFileSync(join(folder, 'events.json'), `${exec('/a')}\n{"process_ex\n[]\n${odd}\n${exec('/b')}\n{"proc`);
    for (const form of ['-o compact', '--tree']) {
      const { status, stdout, stderr } = shell(`jatai events ${form} < events.json`);
      expect(stdout).toBe('🚀 process /a\n🚀 process /b\n');
      expect(stderr.match(/line \d/g)).toEqual(['line 2', 'line 3', 'line 4', 'line 6']);
      expect(status).toBe(1);
    }
  });

  test('takes the regular expressions that agents take', () => {
    writeFileSync(join(folder, 'good.json'), `${exec('/a')}\n${exec('/b')}\n`);
    expect(shell(`jatai events -o compact --process '(?i)/A\\z' < good.json`)).toEqual({
      status: 0,
      stdout: '🚀 process /a\n',
      stderr: '',
    });
  });
});

describe('jatai bugtool', () => {
  test('replaces an older archive, and writes to pipes', () => {
    writeFileSync(join(folder, 'bugs.tar.gz'), 'old', { mode: 0o644 });
    expect(jatai('bugtool', '-o', 'bugs.tar.gz').status).toBe(0);
    expect(statSync(join(folder, 'bugs.tar.gz')).mode & 0o777).toBe(0o600);
    const { status, stdout } = shell(
      'mkfifo pipe; gzip -dc < pipe | tar -t > names & jatai bugtool -o pipe && wait && test -p pipe && cat names',
    );
    expect(status).toBe(0);
    expect(stdout).toContain('jatai-bugtool/version.txt');
  });
});

describe('jatai outputs check', () => {
  test('shows mistakes with their line, and says when there are none', () => {
    writeFileSync(join(folder, 'outputs.yaml'), 'outputs:\n  - {name: a, type: file, pth: /x}\n');
    const wrong = jatai('outputs', 'check', 'outputs.yaml');
    expect(wrong.status).toBe(1);
    expect(wrong.stdout).toContain('outputs.yaml:2:27: error: Unknown key "pth"');
    writeFileSync(join(folder, 'filter.yaml'), 'outputs: [{name: a, type: stdout, denyList: [{pidd: [1]}]}]\n');
    const filter = jatai('outputs', 'check', 'filter.yaml');
    expect(filter.status).toBe(1);
    expect(filter.stdout).toContain('filter.yaml:1:46: denyList: unknown field "pidd". Did you mean "pid"?');
    writeFileSync(join(folder, 'good.yaml'), 'outputs: [{name: a, type: file, path: /x}]\n');
    expect(jatai('outputs', 'check', 'good.yaml').stdout).toBe('1 file, 1 good output a (file): no mistakes\n');
    expect(jatai('outputs', 'check').status).toBe(2);
  });

  test('the agent does not start with a mistake', () => {
    writeFileSync(join(folder, 'outputs.yaml'), 'outputs:\n  - {name: a, type: fil}\n');
    const { status, stderr } = jatai('run', '--outputs', 'outputs.yaml', '--duration', '1ms');
    expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining('Did you mean "file"?') });
    expect(stderr).toContain('jatai: --outputs outputs.yaml: it has mistakes');
  });
});

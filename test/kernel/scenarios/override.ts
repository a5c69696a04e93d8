import { strict as assert } from 'node:assert';
import type { Pattern } from '../harness/match.ts';
import { once, times } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

type Body = 'lsm' | 'kprobe';

function denyPolicy(name: string, kind: Body, path: string, options = ''): string {
  const hook =
    kind === 'lsm' ? 'lsmhooks:\n- hook: file_open' : 'kprobes:\n- call: security_file_open\n  syscall: false';
  return tracingPolicy(
    name,
    `${options}${hook}
  args:
  - {index: 0, type: file}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: ["${path}"]}
    matchActions:
    - {action: Override, argError: -1}`,
  );
}

/** Refuses without events: they would fill the ring. */
function quietDenyPolicy(name: string, path: string): string {
  return denyPolicy(name, 'lsm', path).replace('argError: -1}', 'argError: -1}\n      - {action: NoPost}');
}

const changes = 6;
const openers = 3;

const openWays = triggerProgram('open-ways');

function refused(kind: Body, policy: string, path: string, body: Readonly<Record<string, Pattern>>): Pattern {
  return {
    [`process_${kind}`]: {
      process: { binary: openWays },
      function_name: kind === 'lsm' ? 'file_open' : 'security_file_open',
      policy_name: policy,
      args: [{ file_arg: { path } }],
      ...body,
    },
  };
}

const content = 'content-that-must-not-leak';

/** O_PATH opens nothing that could be read: reading it is EBADF whatever the policies say. */
const allRefused = {
  open: 'EPERM',
  'open for writing': 'EPERM',
  openat2: 'EPERM',
  O_PATH: 'EBADF',
  reopen: 'EPERM',
  mmap: 'EPERM',
  sendfile: 'EPERM',
};

function waysOf(stdout: string): Record<string, string> {
  const lines = stdout.trimEnd().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
}

async function assertDenied(context: ScenarioContext, path: string): Promise<void> {
  const { stdout } = await context.must(['./open-ways', path]);
  const { 'open by handle': byHandle, ...ways } = waysOf(stdout);
  assert.deepEqual(ways, allRefused);
  /* File systems without handles refuse by themselves. */
  assert.ok(byHandle === 'EPERM' || byHandle === 'EOPNOTSUPP', `open by handle: ${byHandle}`);
  assert.ok(!stdout.includes(content), 'the content leaked');
}

export const overrideScenarios: readonly Scenario[] = [
  {
    name: 'an lsm file_open policy with Override makes open return EPERM, and the content does not leak',
    needs: ['fmodRet'],
    policies: ({ path }) => ({ 'deny.yaml': denyPolicy('deny-lsm', 'lsm', path('secret')) }),
    async prepare(context) {
      context.file('secret', `${content}\n`);
      context.file('open', 'for everybody\n');
    },
    async trigger(context) {
      await assertDenied(context, context.path('secret'));
      const { stdout } = await context.must(['./open-ways', context.path('open')]);
      assert.equal(waysOf(stdout)['open'], 'for everybody');
      const cat = await context.run(['cat', context.path('secret')]);
      assert.equal(cat.status, 1);
      assert.match(cat.stderr, /Operation not permitted/);
    },
    expected: ({ path }) => [
      times(7, refused('lsm', 'deny-lsm', path('secret'), { action: 'KPROBE_ACTION_OVERRIDE' })),
      once({ process_lsm: { process: { binary: '/usr/bin/cat' }, policy_name: 'deny-lsm' } }),
    ],
  },
  {
    name: 'a kprobe policy on security_file_open with Override refuses too',
    needs: ['fmodRet'],
    policies: ({ path }) => ({ 'deny.yaml': denyPolicy('deny-kprobe', 'kprobe', path('secret')) }),
    async prepare(context) {
      context.file('secret', `${content}\n`);
    },
    async trigger(context) {
      await assertDenied(context, context.path('secret'));
    },
    expected: ({ path }) => [
      times(7, refused('kprobe', 'deny-kprobe', path('secret'), { action: 'KPROBE_ACTION_OVERRIDE' })),
    ],
  },
  {
    name: 'a refusal holds while other policies come and go on the same hook',
    needs: ['fmodRet'],
    async prepare(context) {
      context.file('secret', `${content}\n`);
    },
    policies: ({ path }) => ({ 'deny.yaml': quietDenyPolicy('deny', path('secret')) }),
    async trigger(context) {
      const deny = quietDenyPolicy('deny', context.path('secret'));
      const durationMs = String(context.isEmulated ? 8000 : 2000);
      const programs = Array.from({ length: openers }, () =>
        context.start(['./call', 'open-for', context.path('secret'), durationMs]),
      );
      for (let change = 0; change < changes; change++) {
        const other = quietDenyPolicy(`other-${change}`, context.path(`other-${change}`));
        context.writePolicies({ 'deny.yaml': deny, ...(change % 2 === 0 && { 'other.yaml': other }) });
        await context.reloadAgent();
      }
      const results = await Promise.all(programs.map((program) => program.done));
      const counts = results.map(({ stdout }) => stdout.trim().split(' ').map(Number));
      const opened = counts.reduce((sum, [count]) => sum + count!, 0);
      const tried = counts.reduce((sum, [, count]) => sum + count!, 0);
      context.measured.push(`${opened} of ${tried} opens leaked over ${changes} changes`);
      assert.equal(opened, 0);
      assert.ok(tried > 1000, `only ${tried} opens were tried`);
    },
  },
  {
    name: 'monitor mode refuses nothing and says what it would have done',
    needs: ['fentry'],
    policies: ({ path }) => {
      const options = 'options:\n- {name: policy-mode, value: monitor}\n';
      return { 'monitor.yaml': denyPolicy('monitored', 'kprobe', path('secret'), options) };
    },
    async prepare(context) {
      context.file('secret', `${content}\n`);
    },
    async trigger(context) {
      const { stdout } = await context.must(['./open-ways', context.path('secret')]);
      assert.equal(waysOf(stdout)['open'], content);
    },
    expected: ({ path }) => [
      times(
        7,
        refused('kprobe', 'monitored', path('secret'), {
          action: 'KPROBE_ACTION_POST',
          monitor_action: 'KPROBE_ACTION_OVERRIDE',
        }),
      ),
    ],
  },
];

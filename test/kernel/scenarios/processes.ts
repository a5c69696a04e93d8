import { strict as assert } from 'node:assert';
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import type { AgentEvent, EventBody } from '../harness/event-log.ts';
import { once, times } from '../harness/match.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const mark = triggerProgram('call');
const netRaw = 13;
const ways = triggerProgram('exec-ways');
/** The program of the scenarios below, given arguments that tell one run from another. */
const program = (name: string) => [mark, 'kill', '0', '0', name] as const;

function copyProgram(to: string, mode = 0o755): string {
  copyFileSync(mark, to);
  chmodSync(to, mode);
  return to;
}

function execOf(events: readonly AgentEvent[], pid: number): EventBody {
  const found = events.flatMap(({ process_exec }) => (process_exec?.process.pid === pid ? [process_exec] : []));
  assert.ok(found.length > 0, `no exec event of process ${pid}`);
  return found.at(-1)!;
}

export const processScenarios: readonly Scenario[] = [
  {
    name: 'exec events hold an argv of 200 KB whole, and quote what has spaces',
    async trigger(context) {
      const words = Array.from({ length: 100 }, (_, index) => `${index}-`.padEnd(2048, 'x'));
      const { pid } = await context.run(['/bin/echo', 'two words', '', ...words]);
      context.notes.set('pid', pid);
    },
    check(events, context) {
      const words = Array.from({ length: 100 }, (_, index) => `${index}-`.padEnd(2048, 'x'));
      const { process } = execOf(events, context.note('pid'));
      /* As Tetragon writes it: a blank before the first quoted word, nothing for an empty one. */
      const expected = ` "two words"  ${words.join(' ')}`;
      assert.equal(process.arguments?.length, expected.length);
      assert.ok(process.arguments === expected, 'the text differs');
      assert.equal(process['flags'], 'execve rootcwd clone');
    },
  },
  {
    name: 'exit events give the status or the signal, once for each process whatever its threads do',
    async trigger(context) {
      await context.run(['./exec-ways', 'threads', '8', '7']);
      await context.run(['./exec-ways', 'leader-first', '5']);
      /* Which of the two counts is the kernel's affair. */
      context.notes.set('status', (await context.run(['./exec-ways', 'each-alone', '3', '5'])).status);
      await context.run(['./exec-ways', 'raise', '15']);
      await context.run(['./exec-ways', 'raise', '9']);
      await context.run(['./exec-ways', 'raise', '40']);
    },
    expected: (context) => [
      times(6, { process_exit: { process: { binary: ways } } }),
      once({ process_exit: { process: { binary: ways, arguments: 'threads 8 7' }, status: 7, signal: undefined } }),
      once({ process_exit: { process: { binary: ways, arguments: 'leader-first 5' }, status: 5 } }),
      once({
        process_exit: {
          process: { binary: ways, arguments: 'each-alone 3 5' },
          status: context.note('status'),
        },
      }),
      once({
        process_exit: { process: { binary: ways, arguments: 'raise 15' }, signal: 'SIGTERM', status: undefined },
      }),
      once({ process_exit: { process: { binary: ways, arguments: 'raise 9' }, signal: 'SIGKILL' } }),
      once({ process_exit: { process: { binary: ways, arguments: 'raise 40' }, signal: 'SIGRTMIN+6' } }),
    ],
  },
  {
    name: 'exec without fork, and from a thread that is not the first, keep the process',
    async trigger(context) {
      for (const way of ['directly', 'thread']) {
        const { pid } = await context.run(['./exec-ways', way, ...program(way)]);
        context.notes.set(way, pid);
      }
    },
    expected: (context) =>
      ['directly', 'thread'].flatMap((way) => {
        const pid = context.note(way);
        const first = { pid, tid: pid, binary: ways, flags: 'execve rootcwd clone' };
        const second = {
          pid,
          tid: pid,
          binary: mark,
          arguments: `kill 0 0 ${way}`,
          flags: 'execve rootcwd',
        };
        return [
          once({ process_exec: { process: first } }),
          once({ process_exec: { process: second, parent: { binary: ways } } }),
          once({ process_exit: { process: { pid } } }),
          once({ process_exit: { process: second } }),
        ];
      }),
  },
  {
    name: 'a child without a program of its own has its exit event, with the program of its parent',
    async trigger(context) {
      const { stdout } = await context.must(['./exec-ways', 'fork', '3']);
      context.notes.set('child', Number(stdout));
    },
    expected: (context) => [
      once({
        process_exit: {
          process: { pid: context.note('child'), binary: ways, arguments: 'fork 3', flags: /^execve/ },
          parent: { binary: ways },
          status: 3,
        },
      }),
    ],
  },
  {
    name: 'programs without a name, in memory or deleted, are told by their file',
    async trigger(context) {
      const { pid } = await context.run(['./exec-ways', 'memfd', ...program('memfd')]);
      context.notes.set('memfd', pid);
      const deleted = copyProgram(context.path('deleted'));
      const result = await context.run(['./exec-ways', 'deleted', deleted, 'kill', '0', '0']);
      context.notes.set('deleted', result.pid);
      assert.ok(!existsSync(deleted));
    },
    expected: (context) => [
      once({
        process_exec: {
          process: {
            pid: context.note('memfd'),
            binary: /^\/?memfd:nameless/,
            binary_properties: { file: { inode: { number: /^\d+$/, links: 0 } } },
          },
        },
      }),
      once({
        process_exec: {
          process: {
            pid: context.note('deleted'),
            binary: `${context.path('deleted')} (deleted)`,
            binary_properties: { file: { inode: { number: /^\d+$/, links: 0 } } },
          },
        },
      }),
    ],
  },
  {
    name: 'a script shows itself and its interpreter',
    async trigger(context) {
      context.file('script.sh', '#!/bin/sh -e\nexit 0\n', 0o755);
      await context.must([context.path('script.sh'), 'one']);
      await context.must(
        ['./script.sh', 'relative'].map((word) => word.replace('./script.sh', context.path('./script.sh'))),
      );
    },
    expected: ({ path: at }) => [
      once({
        process_exec: { process: { binary: /\/(da|ba)?sh$/, arguments: `-e ${at('script.sh')} one` } },
      }),
    ],
  },
  {
    name: 'a program that is setuid, setgid or has file capabilities shows the raised privileges',
    async trigger(context) {
      copyProgram(context.path('setuid'), 0o4755);
      copyProgram(context.path('setgid'), 0o2755);
      chmodSync(path.dirname(context.folder), 0o755);
      await context.run([context.path('setuid'), 'kill', '0', '0'], { uid: 1000, gid: 1000 });
      await context.run([context.path('setgid'), 'kill', '0', '0'], { uid: 1000, gid: 1000 });
      await context.run(program('plain'), { uid: 1000, gid: 1000 });
      const capable = copyProgram(context.path('capable'));
      const { stdout } = await context.must(['./call', 'file-capability', capable, String(netRaw)]);
      assert.equal(stdout, '0\n');
      await context.run([capable, 'kill', '0', '0'], { uid: 1000, gid: 1000 });
    },
    expected: ({ path: at }) => [
      once({
        process_exec: {
          process: {
            binary: at('setuid'),
            uid: 0,
            process_credentials: { uid: 1000, euid: 0, suid: 0, fsuid: 0, gid: 1000 },
            binary_properties: { setuid: 0, privileges_changed: ['PRIVILEGES_RAISED_EXEC_FILE_SETUID'] },
          },
        },
      }),
      once({
        process_exec: {
          process: {
            binary: at('setgid'),
            uid: 1000,
            process_credentials: { uid: 1000, euid: 1000, gid: 1000, egid: 0 },
            binary_properties: { setgid: 0, privileges_changed: ['PRIVILEGES_RAISED_EXEC_FILE_SETGID'] },
          },
        },
      }),
      once({
        process_exec: {
          process: {
            binary: at('capable'),
            uid: 1000,
            cap: { permitted: ['CAP_NET_RAW'], effective: ['CAP_NET_RAW'] },
            binary_properties: { privileges_changed: ['PRIVILEGES_RAISED_EXEC_FILE_CAP'] },
          },
        },
      }),
      once({
        process_exec: {
          process: {
            binary: mark,
            arguments: 'kill 0 0 plain',
            uid: 1000,
            binary_properties: undefined,
            cap: (cap: object | undefined) => !cap || !('effective' in cap),
          },
        },
      }),
    ],
  },
  {
    name: 'the first process of a pid namespace and its descendants are in its init tree, others are not',
    async trigger(context) {
      await context.must(['unshare', '--pid', '--fork', '/bin/sh', '-c', '/bin/true inside; true']);
      await context.must(['/bin/true', 'outside']);
    },
    expected: () => [
      once({ process_exec: { process: { arguments: /^--pid --fork/, in_init_tree: false } } }),
      once({ process_exec: { process: { arguments: '-c "/bin/true inside; true"', in_init_tree: true } } }),
      once({ process_exec: { process: { arguments: 'inside', in_init_tree: true, flags: /inInitTree/ } } }),
      once({ process_exit: { process: { arguments: 'inside', in_init_tree: true } } }),
      once({ process_exec: { process: { arguments: 'outside', in_init_tree: false } } }),
    ],
  },
  {
    name: 'process events have cwd, user, login user and the parent chain',
    async trigger(context) {
      const { stdout } = await context.must(
        [
          '/bin/sh',
          '-c',
          'echo 1234 2> /dev/null > /proc/self/loginuid; cat /proc/self/loginuid; exec setpriv --reuid 1001 --clear-groups /bin/sh -c "/bin/echo from-shell; true"',
        ],
        { cwd: context.folder },
      );
      context.notes.set('auid', Number.parseInt(stdout, 10));
    },
    expected: (context) => [
      once({
        process_exec: {
          process: {
            binary: '/usr/bin/echo',
            arguments: 'from-shell',
            cwd: context.folder,
            uid: 1001,
            auid: context.note('auid'),
          },
          parent: { binary: /sh$/, arguments: '-c "/bin/echo from-shell; true"', uid: 1001 },
        },
      }),
    ],
    check(events) {
      const echo = events.find(({ process_exec }) => process_exec?.process.arguments === 'from-shell')?.process_exec;
      assert.equal(echo?.process['parent_exec_id'], echo?.parent?.exec_id);
      const exit = events.find(({ process_exit }) => process_exit?.process.arguments === 'from-shell')?.process_exit;
      assert.deepEqual(exit?.process, echo?.process);
      assert.deepEqual(exit?.parent, echo?.parent);
    },
  },
];

import { cpSync, mkdirSync } from 'node:fs';
import type { Pattern } from '../harness/match.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

/** Three selectors on the same argument; paths are `folder`'s, or those a chroot in it shows. */
function filePolicy(folder: string): string {
  return tracingPolicy(
    'files',
    `
    kprobes:
    - call: security_file_open
      syscall: false
      return: true
      returnArg: {index: 0, type: int}
      args:
      - {index: 0, type: file}
      selectors:
      - matchArgs:
        - {index: 0, operator: Equal, values: ["${folder}/equal", "${folder}/mounted/equal", "/inside/equal"]}
      - matchArgs:
        - {index: 0, operator: Prefix, values: ["${folder}/prefix/", "/inside/prefix/"]}
      - matchArgs:
        - {index: 0, operator: Postfix, values: [".secret"]}`,
  );
}

function opened(binary: string, path: string): Pattern {
  return {
    process_kprobe: {
      process: { binary },
      function_name: 'security_file_open',
      policy_name: 'files',
      args: [{ file_arg: { path, permission: '-rw-r--r--' } }],
      return: { int_arg: 0 },
      action: 'KPROBE_ACTION_POST',
    },
  };
}

function writeFiles(context: ScenarioContext, folder: string): void {
  for (const name of [
    'equal',
    'equal2',
    'prefix/deep/er/file',
    'prefix-not',
    'a/b/key.secret',
    'a/b/key.secret2',
    'other',
  ]) {
    context.file(`${folder}${name}`, `${name}\n`);
  }
}

const cat = '/usr/bin/cat';

export const filePathScenarios: readonly Scenario[] = [
  {
    name: 'a file policy reports cat of files that are Equal, Prefix and Postfix, and no others',
    needs: ['fentry'],
    policies: ({ folder }) => ({ 'files.yaml': filePolicy(folder) }),
    async trigger(context) {
      writeFiles(context, '');
      const names = [
        'equal',
        'equal2',
        'prefix/deep/er/file',
        'prefix-not',
        'a/b/key.secret',
        'a/b/key.secret2',
        'other',
      ];
      await context.must([cat, ...names], { cwd: context.folder });
    },
    expected: ({ folder }) => [
      once(opened(cat, `${folder}/equal`)),
      once(opened(cat, `${folder}/prefix/deep/er/file`)),
      once(opened(cat, `${folder}/a/b/key.secret`)),
    ],
  },
  {
    name: 'a path across a bind mount is the one seen through the mount',
    needs: ['fentry'],
    policies: ({ folder }) => ({ 'files.yaml': filePolicy(folder) }),
    async trigger(context) {
      writeFiles(context, 'source/');
      context.file('file.secret', 'mounted over\n');
      mkdirSync(context.path('mounted'));
      await context.must(['mount', '--bind', context.path('source'), context.path('mounted')]);
      await context.must(['mount', '--bind', context.path('source/other'), context.path('file.secret')]);
      try {
        const names = ['mounted/equal', 'mounted/other', 'mounted/a/b/key.secret', 'file.secret', 'source/equal'];
        const { stdout } = await context.must([cat, ...names], { cwd: context.folder });
        if (stdout !== 'equal\nother\na/b/key.secret\nother\nequal\n') throw new Error(`cat printed: ${stdout}`);
      } finally {
        await context.must(['umount', context.path('file.secret'), context.path('mounted')]);
      }
    },
    expected: ({ folder }) => [
      once(opened(cat, `${folder}/mounted/equal`)),
      once(opened(cat, `${folder}/mounted/a/b/key.secret`)),
      once(opened(cat, `${folder}/file.secret`)),
    ],
  },
  {
    name: 'a path in a chroot is the one seen from its root',
    needs: ['fentry'],
    policies: ({ folder }) => ({ 'files.yaml': filePolicy(folder) }),
    async trigger(context) {
      writeFiles(context, 'root/inside/');
      cpSync(triggerProgram('call'), context.path('root/call'));
      for (const name of ['equal', 'prefix/deep/er/file', 'a/b/key.secret', 'other']) {
        await context.must(['chroot', context.path('root'), '/call', 'openat', `/inside/${name}`, '0']);
      }
      await context.must([cat, context.path('root/inside/equal')]);
    },
    expected: () => [
      once(opened('/call', '/inside/equal')),
      once(opened('/call', '/inside/prefix/deep/er/file')),
      once(opened('/call', '/inside/a/b/key.secret')),
    ],
  },
  {
    name: 'a path deeper than 4000 bytes and 200 folders is whole, and matches by Prefix and Postfix',
    needs: ['fentry'],
    policies: ({ folder }) => ({ 'files.yaml': filePolicy(folder) }),
    async trigger(context) {
      const part = Array.from({ length: 50 }, (_, index) => `directory-number-${index}`).join('/');
      context.file(`prefix/${part}/${part}/${part}/${part}/x.secret`, 'deep\n');
      await context.must([cat, context.path(`prefix/${part}/${part}/${part}/${part}/x.secret`)]);
    },
    expected: ({ folder }) => {
      const part = Array.from({ length: 50 }, (_, index) => `directory-number-${index}`).join('/');
      return [once(opened(cat, `${folder}/prefix/${part}/${part}/${part}/${part}/x.secret`))];
    },
  },
];

import { strict as assert } from 'node:assert';
import { copyFileSync, mkdirSync } from 'node:fs';
import type { AgentEvent, EventBody } from '../harness/event-log.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

/** What is no UTF-8, what JSON must escape, and what a terminal would act upon; the second as events show it. */
const oddBytes = Buffer.from([0x61, 0xff, 0xfe, 0x22, 0x5c, 0x0a, 0x1b, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0x7a]);
const oddText = 'a\ufffd"\\\n\u001bé\ufffdz';

/** The bytes for `printf` of the shell. */
const oddFormat = [...oddBytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');

/** The longest a single argument can be, its NUL included. */
const longestArgument = 128 * 1024;

function execsOf(events: readonly AgentEvent[], pid: number): EventBody[] {
  return events.flatMap(({ process_exec: exec }) => (exec?.process.pid === pid ? [exec] : []));
}

export const oddTextScenarios: readonly Scenario[] = [
  {
    name: 'bytes that are no text come out as text, in programs, folders, arguments and values of calls',
    async prepare(context) {
      context.file('plain', '');
      const folder = Buffer.concat([Buffer.from(context.path('folder-')), oddBytes]);
      mkdirSync(folder);
      copyFileSync(triggerProgram('call'), Buffer.concat([folder, Buffer.from('/program-'), oddBytes]));
      copyFileSync(context.path('plain'), Buffer.concat([folder, Buffer.from('/file-'), oddBytes]));
    },
    policies: ({ path }) => ({
      'odd.yaml': tracingPolicy(
        'odd',
        `
        kprobes:
        - call: sys_openat
          syscall: true
          args:
          - {index: 1, type: string}
          selectors:
          - matchBinaries:
            - {operator: Prefix, values: ["${path('folder-')}"]}
            matchArgs:
            - {index: 1, operator: Prefix, values: ["file-"]}`,
      ),
    }),
    async trigger(context) {
      const script = `odd=$(printf '${oddFormat}'); cd "$1-$odd" && exec "./program-$odd" openat "file-$odd" 0`;
      const { pid } = await context.must(['/bin/sh', '-c', script, 'sh', context.path('folder')]);
      context.notes.set('pid', pid);
    },
    expected: (context) => {
      const folder = `${context.path('folder-')}${oddText}`;
      const process = { pid: context.note('pid'), binary: `${folder}/program-${oddText}`, cwd: folder };
      return [
        once({ process_exec: { process: { ...process, arguments: `openat file-${oddText} 0` } } }),
        once({ process_kprobe: { process, policy_name: 'odd', args: [{ string_arg: `file-${oddText}` }] } }),
        once({ process_exit: { process } }),
      ];
    },
  },
  {
    name: 'a single argument of 128 KB is whole, also when it is no text at all',
    async trigger(context) {
      const print = (octal: string) => `head -c ${longestArgument - 1} /dev/zero | tr '\\000' '${octal}'`;
      for (const octal of ['x', '\\377']) {
        const { pid } = await context.must(['/bin/sh', '-c', `exec /bin/true "$(${print(octal)})" end`]);
        context.notes.set(octal, pid);
      }
    },
    check(events, context) {
      const [text, noText] = ['x', '\\377'].map((octal) => execsOf(events, context.note(octal)).at(-1)?.process);
      assert.equal(text?.arguments, `${'x'.repeat(longestArgument - 1)} end`);
      /* A run of bytes that are no text is one replacement. */
      assert.equal(noText?.arguments, '\ufffd end');
      for (const process of [text, noText]) assert.doesNotMatch(String(process?.['flags']), /truncArgs|errorArgs/);
    },
  },
];

import { strict as assert } from 'node:assert';
import { linkTypesOf } from '../harness/bpf-objects.ts';
import { once } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const count = 200;
const opener = triggerProgram('open-repeatedly');
const numbers = Array.from({ length: count }, (_, index) => index);

function nameOf(index: number): string {
  return `policy-${String(index).padStart(3, '0')}`;
}

/** Every third one Equal, Prefix, Postfix; all want the file that ends in `.all`. */
function policyOf(index: number, folder: string, hook: string): string {
  const operand = [
    `Equal, values: ["${folder}/file-${index}"`,
    `Prefix, values: ["${folder}/file-${index}-"`,
    `Postfix, values: ["-${index}.secret"`,
  ][index % 3];
  return tracingPolicy(
    nameOf(index),
    `kprobes:
${hook}
  selectors:
  - matchArgs:
    - {index: ${hook.includes('sys_openat') ? 1 : 0}, operator: ${operand}]}
  - matchArgs:
    - {index: ${hook.includes('sys_openat') ? 1 : 0}, operator: Postfix, values: [".all"]}`,
  );
}

function fileOf(index: number): string {
  return [`file-${index}`, `file-${index}-x`, `other-${index}.secret`][index % 3]!;
}

function scenario(
  title: string,
  hook: string,
  needs: Scenario['needs'],
  argumentOf: (path: string) => object,
): Scenario {
  return {
    name: `${count} policies on ${title} run as one program, and each reports its own matches`,
    ...(needs === undefined ? {} : { needs }),
    async prepare(context) {
      for (const index of numbers) context.file(fileOf(index), '');
      context.file('file.all', '');
      context.file('nobody', '');
    },
    policies: ({ folder }) =>
      Object.fromEntries(numbers.map((index) => [`${nameOf(index)}.yaml`, policyOf(index, folder, hook)])),
    async trigger(context) {
      context.notes.set('links', hookLinks(context));
      const paths = [...numbers.map(fileOf), 'file.all', 'nobody'].map((name) => context.path(name));
      const program = await context.startReady([opener, '0', ...paths]);
      program.endInput();
      await program.done;
    },
    expected: ({ path }) =>
      numbers.flatMap((index) =>
        [fileOf(index), 'file.all'].map((name) =>
          once({ process_kprobe: { policy_name: nameOf(index), args: argumentOf(path(name)) as never } }),
        ),
      ),
    check: (_events, context) => assert.equal(context.note('links'), 1),
  };
}

/** Exec, fork and exit have one each, whatever they are attached by. */
const sensorLinks = 3;

/** Links of policies. */
function hookLinks(context: ScenarioContext): number {
  return linkTypesOf(context.note('agent pid')).length - sensorLinks;
}

export const manyPolicyScenarios: readonly Scenario[] = [
  scenario(
    'security_file_open',
    '- call: security_file_open\n  syscall: false\n  args:\n  - {index: 0, type: file}',
    ['fentry'],
    (path) => [{ file_arg: { path } }],
  ),
  scenario(
    'sys_openat',
    '- call: sys_openat\n  syscall: true\n  args:\n  - {index: 0, type: int}\n  - {index: 1, type: string}',
    undefined,
    (path) => [{ int_arg: -100 }, { string_arg: path }],
  ),
];

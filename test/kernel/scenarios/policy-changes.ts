import { strict as assert } from 'node:assert';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { missedRunsOf } from '../harness/bpf-objects.ts';
import { allowed, matches } from '../harness/match.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ScenarioContext } from '../harness/scenario-context.ts';

const openers = 20;
const changes = 4;
const numbers = Array.from({ length: openers }, (_, index) => index);

interface HookText {
  readonly name: string;
  readonly call: string;
  readonly needs?: Scenario['needs'];
  readonly argument: number;
}

function policyOf(name: string, { call, argument }: HookText, filter: string): string {
  return tracingPolicy(
    name,
    `kprobes:
- call: ${call}
  syscall: ${call.startsWith('sys_')}
  return: true
  returnArg: {index: 0, type: int}
  args:
  - {index: ${argument}, type: ${argument === 0 ? 'file' : 'string'}}
  selectors:
  - matchArgs:
    - {index: ${argument}, operator: ${filter}}`,
  );
}

const watched = (folder: string) => `Prefix, values: ["${folder}/watched-"]`;

function scenario(hook: HookText): Scenario {
  const argumentOf = (file: string) => [hook.argument === 0 ? { file_arg: { path: file } } : { string_arg: file }];
  return {
    name: `a policy that comes and goes on ${hook.name} while ${openers} processes open files costs no event of the others`,
    ...(hook.needs === undefined ? {} : { needs: hook.needs }),
    async prepare(context) {
      for (const index of numbers) context.file(`watched-${index}`, '');
    },
    policies: ({ folder }) => ({ 'watch.yaml': policyOf('watch', hook, watched(folder)) }),
    async trigger(context) {
      /* Slow enough for the ring to hold what comes while the agent is busy with loading. */
      const pauseUs = context.isEmulated ? '50000' : '2000';
      const programs = await Promise.all(
        numbers.map((index) => context.startReady(['./open-repeatedly', pauseUs, context.path(`watched-${index}`)])),
      );
      const missedBefore = missedRunsOf(context.note('agent pid'));
      for (const program of programs) program.send('go\n');
      const extra = path.join(context.policyFolder, 'extra.yaml');
      for (let change = 0; change < changes; change++) {
        writeFileSync(extra, policyOf(`extra-${change}`, hook, `Postfix, values: ["/watched-0"]`));
        await context.reloadAgent();
        await sleep(100);
        rmSync(extra);
        await context.reloadAgent();
        await sleep(100);
      }
      for (const program of programs) program.endInput();
      const results = await Promise.all(programs.map((program) => program.done));
      context.notes.set('missed runs', missedRunsOf(context.note('agent pid')) - missedBefore);
      for (const [index, { stdout }] of results.entries()) {
        context.notes.set(`opened ${index}`, Number(stdout.trim().split('\n').at(-1)));
      }
    },
    expected: () => [allowed({ process_kprobe: { policy_name: 'watch' } })],
    check(events, context) {
      const ofWatch = events.filter((event) => matches(event, { process_kprobe: { policy_name: 'watch' } }));
      let missing = 0;
      for (const index of numbers) {
        const pattern = { process_kprobe: { args: argumentOf(context.path(`watched-${index}`)) } };
        const found = ofWatch.filter((event) => matches(event, pattern)).length;
        const opened = context.note(`opened ${index}`);
        assert.ok(found <= opened, `${found} events of process ${index}, which opened its file ${opened} times`);
        missing += opened - found;
      }
      const returned = { process_kprobe: { return: { int_arg: (value: number) => value >= 0 } } };
      const withoutReturn = ofWatch.filter((event) => !matches(event, returned)).length;
      const excused = maySkipRuns(context) ? context.note('missed runs') : 0;
      const lost = `${missing} events are missing, ${withoutReturn} have no return value`;
      context.measured.push(`${ofWatch.length} events over ${2 * changes} changes; ${lost}`);
      assert.ok(missing + withoutReturn <= excused, `${lost}; the kernel skipped ${excused} runs`);
      for (let change = 0; change < changes; change++) {
        const seen = events.some((event) => matches(event, { process_kprobe: { policy_name: `extra-${change}` } }));
        assert.ok(seen, `extra-${change} reported nothing while it was there`);
      }
    },
  };
}

/**
 * Where a task can be preempted inside an fentry program, the kernel lets other tasks pass by the program on that CPU,
 * changes or not.
 */
function maySkipRuns({ facts }: ScenarioContext): boolean {
  return ['full', 'lazy', 'realtime'].includes(facts.preemption);
}

export const policyChangeScenarios: readonly Scenario[] = [
  scenario({ name: 'security_file_open', call: 'security_file_open', argument: 0, needs: ['fentry'] }),
  scenario({ name: 'sys_openat', call: 'sys_openat', argument: 1 }),
];

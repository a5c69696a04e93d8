import { strict as assert } from 'node:assert';
import { readFileSync, realpathSync } from 'node:fs';
import { readElfSection } from '../../../src/ebpf/elf-reader.ts';
import type { AgentEvent } from '../harness/event-log.ts';
import { tracingPolicy } from '../harness/policy-text.ts';
import { triggerProgram } from '../harness/run-program.ts';
import type { Scenario } from '../harness/scenario.ts';

const policy = tracingPolicy('libraries', 'loader: true');
const dynamic = realpathSync('/bin/true');
const call = triggerProgram('call');
/** Bytes of the header of a note, and of its name "GNU". */
const noteHeader = 16;

interface Load {
  readonly path: string;
  readonly buildid: string | undefined;
}

/** What the files of a process were, in their order, and the position of each event. */
function loadsOf(events: readonly AgentEvent[], pid: number): (Load & { readonly at: number })[] {
  return events.flatMap(({ process_loader: load }, at) =>
    load?.process.pid === pid ? [{ path: load.path, buildid: load.buildid, at }] : [],
  );
}

/** As the event has it; undefined for a file without one. */
function buildIdOf(path: string): string | undefined {
  const note = readElfSection(readFileSync(path), '.note.gnu.build-id');
  return note && Buffer.from(note.subarray(noteHeader)).toString('base64');
}

export const loaderScenarios: readonly Scenario[] = [
  {
    name: 'a policy with loader: true reports each file that a program is made of once, with its build id',
    needs: ['kprobe', 'buildId'],
    policies: () => ({ 'loader.yaml': policy }),
    async trigger(context) {
      context.notes.set('dynamic', (await context.run([dynamic])).pid);
      context.notes.set('static', (await context.run([call, 'kill', '0', '0'])).pid);
      context.writePolicies({});
      await context.reloadAgent();
      context.notes.set('after', (await context.run([dynamic])).pid);
    },
    check(events, context) {
      const pid = context.note('dynamic');
      const loads = loadsOf(events, pid);
      const paths = loads.map(({ path }) => path);
      assert.equal(paths[0], dynamic);
      assert.ok(
        paths.some((path) => /\/ld-linux[^/]*$/.test(path)),
        `no interpreter in ${paths}`,
      );
      assert.ok(
        paths.some((path) => /\/libc\.so\.6$/.test(path)),
        `no C library in ${paths}`,
      );
      assert.deepEqual(paths, [...new Set(paths)]);
      for (const { path, buildid } of loads) assert.equal(buildid, buildIdOf(path), path);
      const exec = events.findIndex(({ process_exec }) => process_exec?.process.pid === pid);
      const processes = events.flatMap(({ process_loader: load }) => (load?.process.pid === pid ? [load.process] : []));
      assert.ok(exec >= 0 && loads.every(({ at }) => at > exec), 'a load comes before the program');
      assert.deepEqual([...new Set(processes.map(({ binary }) => binary))], [dynamic]);

      const own = loadsOf(events, context.note('static'));
      assert.deepEqual(
        own.map(({ path, buildid }) => [path, buildid]),
        [[call, buildIdOf(call)]],
      );
      assert.deepEqual(loadsOf(events, context.note('after')), []);
    },
  },
];

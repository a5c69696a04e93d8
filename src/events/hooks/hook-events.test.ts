import { describe, expect, test } from 'vitest';
import type { EventArgument } from '../event-plan.ts';
import { cat, exec, opened, second, shell, startPipeline } from '../test-pipeline.ts';
import { hookOf, planOf, selectorOf } from '../test-plan.ts';
import { exitBytes, returnBytes } from '../test-record.ts';

describe('hook events', () => {
  test('one event for each matched selector that posts', () => {
    const { events, send, pipeline } = startPipeline();
    const selectors = Array.from({ length: 70 }, (_, index) =>
      selectorOf(hookOf({ policyName: `p${index}` }), { post: index !== 3 }),
    );
    pipeline.addPlan(planOf(...selectors));
    send(exec(cat), opened({ matches: [0, 3, 31, 32, 63, 64, 69, 100] }));
    const names = events.slice(1).map((event) => event.process_kprobe.policy_name);
    expect(names).toEqual(['p0', 'p31', 'p32', 'p63', 'p64', 'p69']);
    expect(pipeline.counters()).toMatchObject({ notPosted: 1, unknownSelectors: 1 });
  });

  test('an event of another thread has its tid', () => {
    const { events, send, pipeline } = startPipeline();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(exec(cat), opened({ tid: 12345 }));
    expect(events[1].process_kprobe.process).toMatchObject({ pid: 200, tid: 12345, in_init_tree: false });
  });

  test('monitor mode says what enforce mode would have done', () => {
    const { events, send, pipeline } = startPipeline();
    pipeline.addPlan(planOf(selectorOf(hookOf(), { monitoredAction: 'KPROBE_ACTION_SIGKILL' })));
    send(exec(cat), opened());
    expect(events[1].process_kprobe).toMatchObject({
      action: 'KPROBE_ACTION_POST',
      monitor_action: 'KPROBE_ACTION_SIGKILL',
    });
  });

  test('records of a plan are understood for a while after it is retired', () => {
    const { events, send, pipeline } = startPipeline({ graceSeconds: 5 });
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    send(exec(cat), opened());
    pipeline.retirePlan(1, 22n * second);
    send(opened({ ktime: 22n * second }), opened({ ktime: 27n * second }), opened({ ktime: 28n * second }));
    expect(events).toHaveLength(4);
    expect(pipeline.counters().unknownPlans).toBe(1);
  });
});

describe('return values', () => {
  const returnArg: EventArgument = { value: -1, type: 'sint32', spelledType: 'int', label: 'fd' };
  const returning = hookOf({ returnArg });

  test('the event waits for the return of its call', () => {
    const { events, send, pipeline } = startPipeline();
    pipeline.addPlan(planOf(selectorOf(returning), selectorOf(hookOf({ policyName: 'p2' }))));
    send(exec(cat), opened({ matches: [0, 1], callId: 2n ** 63n + 5n }));
    expect(events.slice(1).map((event) => event.process_kprobe.policy_name)).toEqual(['p2']);
    send(returnBytes({ ...cat, ktime: 22n * second, callId: 2n ** 63n + 5n, value: -2n }));
    expect(events[2].process_kprobe).toMatchObject({
      policy_name: 'p1',
      args: [{ file_arg: { path: '/etc/shadow', permission: '-rw-r-----' } }],
      return: { int_arg: -2, label: 'fd' },
    });
    expect(events[2].time).toBe('1970-01-01T00:00:21Z');
  });

  test('matchReturnArgs decides when the return is there', () => {
    const { events, send, pipeline } = startPipeline();
    const negative = { kind: 'ranges', negate: false, ranges: [{ min: -4095n, max: -1n }] } as const;
    const even = { kind: 'mask', mask: 2n } as const;
    pipeline.addPlan(
      planOf(
        selectorOf(returning, { returnFilters: [negative] }),
        selectorOf({ ...returning, policyName: 'p2' }, { returnFilters: [{ ...negative, negate: true }] }),
        selectorOf({ ...returning, policyName: 'p3' }, { returnFilters: [negative, even] }),
      ),
    );
    send(exec(cat));
    for (const [callId, value] of [
      [1n, -13n],
      [2n, 0xffff_fff3n],
      [3n, 3n],
    ] as const) {
      send(opened({ matches: [0, 1, 2], callId }), returnBytes({ ...cat, callId, value }));
    }
    const reported = events.slice(1).map(({ process_kprobe: event }) => [event.policy_name, event.return.int_arg]);
    expect(reported).toEqual([
      ['p1', -13],
      ['p3', -13],
      ['p1', -13],
      ['p3', -13],
      ['p2', 3],
    ]);
    expect(pipeline.counters().returnsFiltered).toBe(4);
  });

  test('an exit, a full table and close report calls without their return', () => {
    const { events, send, pipeline } = startPipeline({ pendingReturns: 2 });
    pipeline.addPlan(planOf(selectorOf(returning)));
    send(exec(cat), exec(shell));
    send(opened({ callId: 1n }), opened({ callId: 2n }), opened({ callId: 3n }));
    expect(events).toHaveLength(3);
    send(exitBytes({ ...cat, ktime: 30n * second, code: 0 }));
    expect(events.slice(2).map((event) => Object.keys(event)[0])).toEqual([
      'process_kprobe',
      'process_kprobe',
      'process_kprobe',
      'process_exit',
    ]);
    send(opened({ ...shell, callId: 4n }));
    pipeline.close();
    expect(events).toHaveLength(7);
    expect(events.every((event) => event.process_kprobe?.return === undefined)).toBe(true);
    send(returnBytes({ ...cat, callId: 1n, value: 0n }));
    expect(pipeline.counters()).toMatchObject({ unreturnedCalls: 4, orphanReturns: 1 });
  });
});

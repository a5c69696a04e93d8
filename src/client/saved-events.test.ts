import { describe, expect, test } from 'vitest';
import type { JsonEvent } from './agent-client.ts';
import { type EventSelection, selectionFieldFilters, selectionFilters } from './event-selection.ts';
import { selectSaved } from './saved-events.ts';

const everything: EventSelection = {
  eventTypes: [],
  namespaces: [],
  namespaceRegexes: [],
  processes: [],
  pods: [],
  containers: [],
  host: false,
  policyNames: [],
  celExpressions: [],
  pids: [],
  includeFields: [],
  excludeFields: [],
};

const event: JsonEvent = {
  process_kprobe: {
    process: {
      binary: '/usr/bin/curl',
      pid: 7,
      pod: { namespace: 'shop', name: 'web-1', container: { name: 'nginx' } },
    },
    function_name: 'tcp_connect',
    policy_name: 'connect',
    args: [{ sock_arg: { saddr: '10.0.0.1', dport: 443 } }],
  },
  node_name: 'n',
};
const hostEvent: JsonEvent = { process_exec: { process: { binary: '/bin/sh', pid: 8 } } };
/** Of no process. */
const cgroupEvent: JsonEvent = { process_throttle: { type: 'THROTTLE_START', cgroup: 'a.slice' } };

describe('selectSaved', () => {
  const cases: readonly (readonly [name: string, selection: Partial<EventSelection>, kept: JsonEvent[]])[] = [
    ['everything', {}, [event, hostEvent, cgroupEvent]],
    ['a kind', { eventTypes: ['PROCESS_EXEC'] }, [hostEvent]],
    ['a binary', { processes: ['curl$'] }, [event]],
    ['a binary, in the syntax of RE2', { processes: ['(?i)/CURL\\z', '^/[[:digit:]]'] }, [event]],
    ['a namespace', { namespaces: ['shop'] }, [event]],
    ['the host', { host: true }, [hostEvent]],
    ['the host and a namespace', { host: true, namespaces: ['shop'] }, [event, hostEvent]],
    ['a pattern of namespaces', { namespaceRegexes: ['^sh'] }, [event]],
    ['a pod', { pods: ['^web-'] }, [event]],
    ['a container', { containers: ['^nginx$'] }, [event]],
    ['a policy', { policyNames: ['connect', 'x'] }, [event]],
    ['a pid', { pids: [8] }, [hostEvent]],
    ['two conditions', { pids: [8], processes: ['curl'] }, []],
  ];
  for (const [name, selection, kept] of cases) {
    test(name, () => {
      const select = selectSaved({ ...everything, ...selection });
      expect([event, hostEvent, cgroupEvent].map(select).filter((found) => found !== undefined)).toEqual(kept);
    });
  }

  test('keeps the fields that are asked for', () => {
    const included = selectSaved({
      ...everything,
      includeFields: ['process.binary', 'args.sock_arg.dport', 'policyName'],
    });
    expect(included(event)).toEqual({
      process_kprobe: {
        process: { binary: '/usr/bin/curl' },
        policy_name: 'connect',
        args: [{ sock_arg: { dport: 443 } }],
      },
      node_name: 'n',
    });
  });

  test('leaves out fields, which wins over keeping them', () => {
    const cut = selectSaved({ ...everything, includeFields: ['process'], excludeFields: ['process.pod', '__proto__'] });
    expect(cut(event)).toEqual({ process_kprobe: { process: { binary: '/usr/bin/curl', pid: 7 } }, node_name: 'n' });
  });
});

describe('the request for the same', () => {
  test('is empty for everything', () => {
    expect(selectionFilters(everything)).toEqual([]);
    expect(selectionFieldFilters(everything)).toEqual([]);
  });

  test('is one filter, whose fields all have to match', () => {
    const selection = { ...everything, host: true, namespaces: ['shop'], processes: ['curl$'], pids: [8] };
    expect(selectionFilters(selection)).toEqual([{ namespace: ['', 'shop'], binary_regex: ['curl$'], pid: [8] }]);
    expect(selectionFieldFilters({ ...everything, includeFields: ['process'], excludeFields: ['tags'] })).toEqual([
      { fields: { paths: ['process'] }, action: 'INCLUDE' },
      { fields: { paths: ['tags'] }, action: 'EXCLUDE' },
    ]);
  });
});

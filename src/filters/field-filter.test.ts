import { describe, expect, test } from 'vitest';
import { compileFieldFilters } from './field-filter.ts';
import { parseFilterList } from './filter-json.ts';

// biome-ignore lint/suspicious/noExplicitAny: events have many shapes
type Json = any;

function cut(filters: string, event: Json): Json {
  const cutter = compileFieldFilters(parseFilterList('--field-filters', filters));
  const line = Buffer.from(`xx${JSON.stringify(event)}\nyy`);
  if (cutter === undefined) return event;
  const text = cutter(line, 2, line.length - 2).toString();
  expect(text.endsWith('\n')).toBe(true);
  return JSON.parse(text);
}

const container = { id: 'testificate', name: 'testificate', image: { id: 'i', name: 'n' }, pid: 1 };
const pod = { namespace: 'kube-system', name: 'foobar', container, pod_labels: { test: 'a "quoted" {brace}' } };
const process = { exec_id: 'a', pid: 1337, uid: 4, start_time: '2026-01-01T00:00:00Z', arguments: '\\"[{', pod };
const exec = { process_exec: { process, parent: { exec_id: 'b', pid: 1 } }, node_name: 'n', time: 't' };
const kprobe = {
  process_kprobe: { process, function_name: 'f', args: [{ int_arg: -1, label: 'x' }, { size_arg: '2' }], tags: [] },
  node_name: 'n',
};

describe('field filters', () => {
  test('an empty one keeps everything', () => {
    expect(cut('{}', exec)).toEqual(exec);
    expect(cut('{"fields":""}', exec)).toEqual(exec);
    expect(cut('', exec)).toEqual(exec);
  });

  test('include keeps these fields, and what is beside the event', () => {
    expect(cut('{"fields":"process.pid,process.pod.name,process.pod.container.image"}', exec)).toEqual({
      process_exec: { process: { pid: 1337, pod: { name: 'foobar', container: { image: { id: 'i', name: 'n' } } } } },
      node_name: 'n',
      time: 't',
    });
    expect(cut('{"fields":"parent"}', exec).process_exec).toEqual({ parent: { exec_id: 'b', pid: 1 } });
  });

  test('exclude takes these fields away; objects stay', () => {
    expect(cut('{"fields":"process,parent.exec_id,parent.pid","action":"EXCLUDE"}', exec)).toEqual({
      process_exec: { parent: {} },
      node_name: 'n',
      time: 't',
    });
  });

  test('one after another: the order of Tetragon’s own example', () => {
    const include = '{"fields":"parent,process.pid,process.uid,process.pod"}';
    const exclude =
      '{"fields":"process.pid,process.pod.podLabels,process.pod.container.image,process.pod.namespace","action":"EXCLUDE"}';
    expect(cut(`${include}\n${exclude}`, exec).process_exec).toEqual({
      process: { uid: 4, pod: { name: 'foobar', container: { id: 'testificate', name: 'testificate', pid: 1 } } },
      parent: { exec_id: 'b', pid: 1 },
    });
  });

  test('names of lists reach into each element; both spellings of a name', () => {
    expect(cut('{"fields":"args.int_arg,functionName","event_set":["PROCESS_KPROBE"]}', kprobe).process_kprobe).toEqual(
      {
        function_name: 'f',
        args: [{ int_arg: -1 }, {}],
      },
    );
    expect(cut('{"fields":"args.label,tags","action":"EXCLUDE"}', kprobe).process_kprobe.args).toEqual([
      { int_arg: -1 },
      { size_arg: '2' },
    ]);
  });

  test('a set of events, and its inverse', () => {
    const slim = (more: string): string => `{"fields":"process.pid","action":"EXCLUDE",${more}}`;
    expect(cut(slim('"event_set":["PROCESS_EXIT"]'), exec)).toEqual(exec);
    expect(cut(slim('"event_set":["PROCESS_EXEC"]'), exec).process_exec.process.pid).toBeUndefined();
    expect(cut(slim('"event_set":["PROCESS_EXEC"],"invert_event_set":true'), exec)).toEqual(exec);
    expect(cut(slim('"event_set":["PROCESS_EXIT"],"invert_event_set":true'), exec).process_exec.process.pid).toBe(
      undefined,
    );
  });

  test('a whole field stands for what is in it', () => {
    expect(cut('{"fields":"process.pod,process.pod.name"}', exec).process_exec.process.pod).toEqual(pod);
    expect(cut('{"fields":"process.pod.name,process.pod"}', exec).process_exec.process.pod).toEqual(pod);
  });

  test('a request carries paths instead of a string', () => {
    const filters = [{ where: 'GetEvents: filter 1', values: { fields: { paths: ['process.pid'] }, action: 1 } }];
    const line = Buffer.from('{"process_exec":{"process":{"pid":1}}}\n');
    expect(compileFieldFilters(filters)!(line, 0, line.length).toString()).toBe('{"process_exec":{"process":{}}}\n');
  });

  test('an event that is in no filter is not touched', () => {
    const info = { rate_limit_info: { number_of_dropped_process_events: '3' }, node_name: 'n' };
    expect(cut('{"fields":"process.pid"}', info)).toEqual({ rate_limit_info: {}, node_name: 'n' });
    expect(cut('{"fields":"process.pid","event_set":["PROCESS_EXEC"]}', info)).toEqual(info);
  });
});

describe('a field filter that is wrong says where', () => {
  const cases: readonly [json: string, message: string][] = [
    [
      '{"fields":"process.bin"}',
      '--field-filters: filter 1 (character 1): field "fields": no event has "process.bin". Did you mean "process.pid"?',
    ],
    ['{"fields":"process.pid.value"}', 'no event has "process.pid.value": "process.pid" has no fields'],
    ['{"fields":"function_name","event_set":["PROCESS_EXEC"]}', 'no event has "function_name"'],
    ['{"fields":["process"],"action":"DROP"}', 'field "action" needs INCLUDE or EXCLUDE, found "DROP"'],
    ['{"fields":7}', 'field "fields" needs a string of names with commas between them'],
  ];
  for (const [json, message] of cases) {
    test(json, () => {
      expect(() => compileFieldFilters(parseFilterList('--field-filters', json))).toThrow(message);
    });
  }
});

import { describe, expect, test } from 'vitest';
import type { Event } from '../events/events.ts';
import { loadApi, tetragonFiles } from './api-root.ts';
import { compileFieldFilters } from './field-filter.ts';
import type { FieldFilterMessage } from './messages.ts';

const type = loadApi(tetragonFiles).lookupType('tetragon.GetEventsResponse');

const event = {
  process_kprobe: {
    process: { exec_id: 'a', pid: { value: 7 }, binary: '/bin/sh', tid: { value: 8 } },
    parent: { exec_id: 'b' },
    function_name: 'f',
    args: [{ int_arg: 0 }, { file_arg: { path: '/etc/passwd', permission: '-rw-r--r--' } }],
    tags: ['x', 'y'],
  },
  node_name: 'node',
  time: { seconds: 5 },
};

function cut(filters: readonly FieldFilterMessage[]): object {
  const bytes = Buffer.from(type.encode(type.fromObject(event)).finish());
  const result = compileFieldFilters(filters, type)?.(undefined as unknown as Event, bytes, bytes.length) ?? bytes;
  const { process_kprobe: kprobe, ...rest } = type.toObject(type.decode(result), { longs: Number });
  expect(rest).toEqual({ node_name: 'node', time: { seconds: 5 } });
  return kprobe;
}

function include(...paths: string[]): FieldFilterMessage {
  return { fields: { paths } };
}

function exclude(...paths: string[]): FieldFilterMessage {
  return { fields: { paths }, action: 'EXCLUDE' };
}

describe('field filters', () => {
  const whole = event.process_kprobe;
  const cases: readonly (readonly [name: string, filters: FieldFilterMessage[], expected: object])[] = [
    ['none', [], whole],
    ['one field', [include('function_name')], { function_name: 'f' }],
    ['a field of a message', [include('process.binary', 'tags')], { process: { binary: '/bin/sh' }, tags: ['x', 'y'] }],
    ['in camel case', [include('functionName', 'process.execId')], { process: { exec_id: 'a' }, function_name: 'f' }],
    [
      'of every element of a list',
      [include('args.file_arg.path')],
      { args: [{}, { file_arg: { path: '/etc/passwd' } }] },
    ],
    ['a message and a part of it', [include('process', 'process.binary')], { process: whole.process }],
    ['without one field', [exclude('process', 'parent', 'args')], { function_name: 'f', tags: ['x', 'y'] }],
    [
      'exclusion wins',
      [include('process'), exclude('process.pid', 'process.tid')],
      { process: { exec_id: 'a', binary: '/bin/sh' } },
    ],
    ['one after another', [include('process', 'tags'), include('process.binary')], { process: { binary: '/bin/sh' } }],
    ['of this event', [{ ...include('tags'), event_set: ['PROCESS_KPROBE'] }], { tags: ['x', 'y'] }],
    ['of another event', [{ ...include('tags'), event_set: ['PROCESS_EXEC'] }], whole],
    [
      'of all events but one',
      [{ ...include('tags'), event_set: ['PROCESS_KPROBE'], invert_event_set: { value: true } }],
      whole,
    ],
  ];
  for (const [name, filters, expected] of cases) test(name, () => expect(cut(filters)).toEqual(expected));

  test('a field that no event has is an error', () => {
    expect(() => cut([include('process.binry')])).toThrow('field_filters: no event has a field "process.binry"');
  });

  test.each([{ action: 7 }, { event_set: ['PROCESS_EXEC', 77] }])('%j is an error', (wrong) => {
    expect(() => cut([{ ...include('process'), ...wrong }])).toThrow(/^field_filters: 77? is no action, or no type/);
  });

  test('a field that only other events have leaves nothing', () => {
    expect(cut([include('signal')])).toEqual({});
  });
});

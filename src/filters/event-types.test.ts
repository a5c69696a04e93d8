import { expect, test } from 'vitest';
import type { Event } from '../events/events.ts';
import { eventTypeName } from './event-types.ts';
import { visitSampleEvents } from './sample-events.ts';

test('every kind of event has the type of its message', () => {
  const types: string[] = [];
  const nameAs = (event: Event & { kind: 'hook' }, kind: 'tracepoint' | 'lsm' | 'uprobe' | 'usdt'): string => {
    const hook = { ...event.selector.hook, event: kind };
    return eventTypeName({ ...event, selector: { ...event.selector, hook } });
  };
  visitSampleEvents((event) => {
    if (event.kind !== 'hook') return;
    const { process, parent, ktimeLow, ktimeHigh, tid } = event;
    const path = process.image.binary;
    const loader: Event = { kind: 'loader', process, parent, ktimeLow, ktimeHigh, tid, path, buildId: path };
    types.push(eventTypeName(event), eventTypeName(loader));
    types.push(...(['tracepoint', 'lsm', 'uprobe', 'usdt'] as const).map((kind) => nameAs(event, kind)));
  });
  expect(types).toEqual([
    'PROCESS_KPROBE',
    'PROCESS_LOADER',
    'PROCESS_TRACEPOINT',
    'PROCESS_LSM',
    'PROCESS_UPROBE',
    'PROCESS_USDT',
  ]);
});

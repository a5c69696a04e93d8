import type { ProcessEvent } from '../events.ts';
import type { Process } from './process.ts';

/** Groups of events that show ancestors each on its own, as `--enable-ancestors` names them; `base` is exec and exit. */
export const ancestorGroups = ['base', 'kprobe', 'tracepoint', 'loader', 'uprobe', 'lsm', 'usdt'] as const;

export type AncestorGroup = (typeof ancestorGroups)[number];

export function ancestorGroupOf(event: ProcessEvent): AncestorGroup {
  switch (event.kind) {
    case 'exec':
    case 'exit':
      return 'base';
    case 'loader':
      return 'loader';
    case 'hook':
      return event.selector.hook.event;
    default:
      return event satisfies never;
  }
}

/**
 * The processes above the parent of `process`, nearest first, up to init or kthreadd: what Tetragon calls its ancestors.
 * Ends earlier where nothing more is known.
 */
export function ancestorsOf(process: Process): Process[] {
  const ancestors: Process[] = [];
  let current = process.tgid > lastRoot ? process.parent : undefined;
  while (current !== undefined && current.tgid > lastRoot && ancestors.length < maxAncestors) {
    current = current.parent;
    if (current !== undefined) ancestors.push(current);
  }
  return ancestors;
}

/** init is process 1, kthreadd process 2; above them is only the kernel itself. */
const lastRoot = 2;
/** Deeper than any tree that is not made to be deep: who forks in a chain without end does not make his events so large. */
const maxAncestors = 128;

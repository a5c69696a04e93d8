import type { JsonEvent } from './agent-client.ts';

/** Processes whose place in the tree is remembered; the oldest are forgotten first. */
const maxProcesses = 65_536;

/** One line of the tree: a process or an event, `depth` steps from the root. */
export interface TreeLine {
  readonly depth: number;
  readonly event: JsonEvent;
}

/**
 * Orders a stream of events as a tree: each process stands below its parent, what it does below it. A process whose
 * exec was not in the stream is shown when it is first heard of, as if it had just been executed.
 */
export class ProcessTree {
  /** By exec_id. */
  readonly #depths = new Map<string, number>();

  /** The lines that an event adds. */
  add(event: JsonEvent): TreeLine[] {
    const [kind, content] = Object.entries(event).find(([name]) => name.startsWith('process_')) ?? [];
    const process = content?.process;
    if (process === undefined) return [{ depth: 0, event }];
    const lines = this.#introduce(content.parent, event);
    if (kind === 'process_exec') {
      lines.push({ depth: this.#place(process), event });
      return lines;
    }
    lines.push(...this.#introduce(process, event));
    lines.push({ depth: (this.#depths.get(process.exec_id) ?? -1) + 1, event });
    return lines;
  }

  #introduce(process: JsonEvent | undefined, event: JsonEvent): TreeLine[] {
    const id = process?.['exec_id'];
    /* A filter of fields may have taken the ids away: then nothing is known to stand below anything. */
    if (process === undefined || id === undefined || this.#depths.has(id)) return [];
    const { node_name: nodeName } = event;
    const exec = { process_exec: { process }, node_name: nodeName, time: process['start_time'] };
    return [{ depth: this.#place(process), event: exec }];
  }

  #place({ exec_id: id, parent_exec_id: parentId }: JsonEvent): number {
    const above = this.#depths.get(parentId);
    const depth = above === undefined ? 0 : above + 1;
    if (id === undefined) return depth;
    this.#depths.delete(id);
    this.#depths.set(id, depth);
    if (this.#depths.size > maxProcesses) this.#depths.delete(this.#depths.keys().next().value!);
    return depth;
  }
}

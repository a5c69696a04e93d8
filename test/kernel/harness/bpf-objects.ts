import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ids of what is loaded in the kernel, whoever loaded it. */
export interface BpfObjects {
  readonly programs: readonly number[];
  readonly links: readonly number[];
}

export function listBpfObjects(): BpfObjects {
  return { programs: idsOf('prog'), links: idsOf('link') };
}

function idsOf(kind: 'prog' | 'link'): number[] {
  const text = execFileSync('bpftool', ['--json', kind, 'list'], { encoding: 'utf8' });
  return (JSON.parse(text) as { id: number }[]).map(({ id }) => id);
}

const freeTimeoutMs = 20_000;

/** Waits until nothing is loaded that was not before: the kernel frees some time after the last reference. */
export async function waitForBpfObjects(before: BpfObjects): Promise<void> {
  const deadline = Date.now() + freeTimeoutMs;
  for (;;) {
    const now = listBpfObjects();
    const left = {
      programs: now.programs.filter((id) => !before.programs.includes(id)),
      links: now.links.filter((id) => !before.links.includes(id)),
    };
    if (left.programs.length === 0 && left.links.length === 0) return;
    if (Date.now() > deadline) throw new Error(`left in the kernel: ${JSON.stringify(left)}`);
    await sleep(200);
  }
}

/** Types of the BPF links a process holds (`tracing`, `perf_event`, `raw_tracepoint`). */
export function linkTypesOf(pid: number): string[] {
  return descriptorInfos(pid).flatMap((info) => /^link_type:\t(\S+)$/m.exec(info)?.[1] ?? []);
}

/** How often the kernel did not run a program of the process because one was in the middle of a run on that CPU. */
export function missedRunsOf(pid: number): number {
  const missed = new Map<string, number>();
  for (const info of descriptorInfos(pid)) {
    const program = /^prog_id:\t(\d+)$/m.exec(info)?.[1];
    const count = /^recursion_misses:\t(\d+)$/m.exec(info)?.[1];
    if (program !== undefined && count !== undefined) missed.set(program, Number(count));
  }
  return [...missed.values()].reduce((sum, count) => sum + count, 0);
}

function descriptorInfos(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    try {
      return [readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')];
    } catch (error) {
      /* Closed meanwhile. */
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** What all BPF programs and maps of the machine hold, whoever loaded them. */
export interface BpfMemory {
  readonly programs: number;
  readonly maps: number;
  readonly links: number;
  readonly bytes: number;
}

interface Listed {
  readonly bytes_memlock?: number;
}

export function readBpfMemory(): BpfMemory {
  const [programs, maps, links] = (['prog', 'map', 'link'] as const).map(list) as [Listed[], Listed[], Listed[]];
  const bytes = [...programs, ...maps].reduce((sum, { bytes_memlock = 0 }) => sum + bytes_memlock, 0);
  return { programs: programs.length, maps: maps.length, links: links.length, bytes };
}

function list(kind: 'prog' | 'map' | 'link'): Listed[] {
  return JSON.parse(execFileSync('bpftool', ['--json', kind, 'list'], { encoding: 'utf8' })) as Listed[];
}

const settleMs = 1000;
const freeTimeoutMs = 30_000;

/**
 * The memory once it no longer changes: the kernel frees some time after the last reference. With `expected` it is an error
 * when that is not reached in time.
 */
export async function waitForBpfMemory(expected?: BpfMemory): Promise<BpfMemory> {
  let last = readBpfMemory();
  for (const deadline = Date.now() + freeTimeoutMs; Date.now() < deadline; ) {
    await sleep(settleMs);
    const now = readBpfMemory();
    const settled = JSON.stringify(now) === JSON.stringify(expected ?? last);
    if (settled) return now;
    last = now;
  }
  throw new Error(`BPF memory is ${JSON.stringify(last)}${expected ? `, not ${JSON.stringify(expected)} again` : ''}`);
}

/** What the descriptors of this process hold. */
export function readOwnBpfMemory(): BpfMemory {
  const objects = new Map<string, number>();
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    const info = readInfo(`/proc/self/fdinfo/${fd}`);
    const id = /^(?:prog|map|link)_id:\t\d+$/m.exec(info)?.[0];
    const bytes = /^memlock:\t(\d+)$/m.exec(info)?.[1];
    if (id !== undefined) objects.set(id, Number(bytes ?? 0));
  }
  const count = (kind: string) => [...objects.keys()].filter((id) => id.startsWith(kind)).length;
  const bytes = [...objects.values()].reduce((sum, size) => sum + size, 0);
  return { programs: count('prog'), maps: count('map'), links: count('link'), bytes };
}

function readInfo(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    /* The descriptor of the list itself. */
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

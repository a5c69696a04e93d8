import { readdirSync, readFileSync } from 'node:fs';

export interface Memory {
  /** Resident memory of the agent in KB. */
  readonly residentKb: number;
  /** Programs and maps the agent holds, as the kernel charges them, in KB. */
  readonly kernelKb: number;
  /** File descriptors of the agent. */
  readonly descriptors: number;
}

/** Memory of a process and of the BPF programs and maps behind its descriptors. */
export function agentMemory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const charged = new Map<string, number>();
  const names = readdirSync(`/proc/${pid}/fdinfo`);
  for (const name of names) {
    const info = readDescriptor(`/proc/${pid}/fdinfo/${name}`);
    const id = /^(?:prog|map)_id:\s*(\d+)/m.exec(info)?.[0];
    const bytes = /^memlock:\s*(\d+)/m.exec(info)?.[1];
    if (id !== undefined && bytes !== undefined) charged.set(id, Number(bytes));
  }
  return {
    residentKb: Number(/^VmRSS:\s*(\d+)/m.exec(status)![1]),
    kernelKb: Math.round([...charged.values()].reduce((sum, bytes) => sum + bytes, 0) / 1024),
    descriptors: names.length,
  };
}

/** Empty for a descriptor that was closed meanwhile. */
function readDescriptor(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

import { writeFileSync } from 'node:fs';
import { runCommand } from '../../test/vm/run-command.ts';

interface ProgramInfo {
  readonly id: number;
  readonly name?: string;
  readonly bytes_memlock?: number;
  readonly run_time_ns?: number;
  readonly run_cnt?: number;
}

interface MapInfo {
  readonly bytes_memlock?: number;
}

/** Bytes of kernel memory that all BPF programs and maps of the machine are charged for. */
export async function bpfMemoryBytes(): Promise<number> {
  const objects = [...(await list<ProgramInfo>('prog')), ...(await list<MapInfo>('map'))];
  return objects.reduce((sum, { bytes_memlock }) => sum + (bytes_memlock ?? 0), 0);
}

/** Runs `work` with the kernel's statistics on. Returns by program name how often each ran and its time per run. */
export async function programCosts(
  work: () => Promise<unknown>,
): Promise<Map<string, { readonly runs: number; readonly nsPerRun: number }>> {
  setStatistics('1');
  try {
    const before = new Map((await list<ProgramInfo>('prog')).map((program) => [program.id, program]));
    await work();
    const after = await list<ProgramInfo>('prog');
    return new Map(
      after.flatMap((program) => {
        const known = before.get(program.id);
        const runs = (program.run_cnt ?? 0) - (known?.run_cnt ?? 0);
        const ns = (program.run_time_ns ?? 0) - (known?.run_time_ns ?? 0);
        return runs === 0 ? [] : [[program.name ?? `program ${program.id}`, { runs, nsPerRun: ns / runs }]];
      }),
    );
  } finally {
    setStatistics('0');
  }
}

function setStatistics(value: '0' | '1'): void {
  writeFileSync('/proc/sys/kernel/bpf_stats_enabled', value);
}

async function list<T>(kind: 'prog' | 'map'): Promise<T[]> {
  const { stdout } = await runCommand('bpftool', ['--json', kind, 'list']);
  return JSON.parse(stdout) as T[];
}

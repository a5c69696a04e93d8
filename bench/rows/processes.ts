import type { Row } from '../row.ts';

/** What every process of the machine pays: fork, exec and exit are always watched. */
export const processRows: readonly Row[] = [
  {
    id: 'processes.exec',
    family: 'processes (added to one fork+exec+exit)',
    title: 'kernel part: fork, exec and exit sensors',
    unit: 'instructions',
    machine: 'counting',
    target: 10_000,
    tetragon: { value: 22_000 },
    measure: (bench) => bench.addedByProgram({}, 'fork+exec+exit'),
  },
];

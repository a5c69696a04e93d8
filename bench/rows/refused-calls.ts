import type { PolicyFiles } from '../harness/bench.ts';
import { fileOpenSpec, policySet, syscallSpec } from '../harness/policies.ts';
import type { Call } from '../harness/workload.ts';
import { tetragonWith, thousand, thousandFactor } from '../published.ts';
import type { Published, Row } from '../row.ts';

interface RefusedCall {
  readonly id: string;
  readonly title: string;
  readonly call: Call;
  readonly policies: PolicyFiles;
  readonly target?: number;
  readonly tetragon?: Published;
}

const equalTarget = 400;

/** Paths elsewhere, one of its own for each policy. The rows with Prefix are those of policy-curve.ts. */
function countRow(operator: 'Equal' | 'Postfix', count: number): RefusedCall {
  const operandOf = (index: number) => (operator === 'Equal' ? `/opt/other-${index}/file` : `-${index}.secret`);
  return {
    id: `refused.${operator.toLowerCase()}.${count}`,
    title: `${count.toLocaleString('en-US')} ${count === 1 ? 'policy' : 'policies'} on security_file_open, ${operator}`,
    call: 'open+close',
    policies: policySet(count, (index) => fileOpenSpec(operator, operandOf(index))),
    target: count < thousand ? equalTarget : equalTarget * thousandFactor,
    ...tetragonWith(count),
  };
}

const onFileOpen: readonly RefusedCall[] = [
  { id: 'refused.no-policy', title: 'an agent without policies', call: 'open+close', policies: {} },
  countRow('Equal', 1),
  countRow('Postfix', 1),
  countRow('Equal', 10),
  countRow('Equal', 50),
  countRow('Equal', 1000),
  countRow('Postfix', 1000),
  {
    id: 'refused.binary',
    title: 'matchBinaries that does not match, on security_file_open',
    call: 'open+close',
    policies: policySet(
      1,
      () => `kprobes:
- call: security_file_open
  syscall: false
  args:
  - {index: 0, type: file}
  selectors:
  - matchBinaries:
    - {operator: In, values: ["/usr/bin/other"]}`,
    ),
    target: 350,
    tetragon: { value: 4300 },
  },
];

const onSyscalls: readonly RefusedCall[] = [
  {
    id: 'refused.openat-int',
    title: 'sys_openat, an int argument that does not match',
    call: 'open+close',
    policies: policySet(1, () => syscallSpec('sys_openat', 2, 'int', 'Equal', '77')),
    target: 220,
    tetragon: { value: 5100 },
  },
  {
    id: 'refused.openat-string',
    title: 'sys_openat, a string Prefix that does not match',
    call: 'open+close',
    policies: policySet(1, () => syscallSpec('sys_openat', 1, 'string', 'Prefix', '/opt/other')),
    target: 500,
    tetragon: { value: 5600 },
  },
  {
    id: 'refused.sys-enter',
    title: 'raw_syscalls sys_enter, InMap of two other calls',
    call: 'getppid',
    policies: policySet(
      1,
      () => `tracepoints:
- subsystem: raw_syscalls
  event: sys_enter
  args:
  - {index: 4, type: syscall64}
  selectors:
  - matchArgs:
    - {index: 4, operator: InMap, values: ["101", "175"]}`,
    ),
    target: 220,
    tetragon: { value: 5000 },
  },
  {
    id: 'refused.read',
    title: 'security_file_permission, file Equal and int Equal',
    call: 'read of 1 byte',
    policies: policySet(
      1,
      () => `kprobes:
- call: security_file_permission
  syscall: false
  args:
  - {index: 0, type: file}
  - {index: 1, type: int}
  selectors:
  - matchArgs:
    - {index: 0, operator: Equal, values: ["/opt/other/file"]}
    - {index: 1, operator: Equal, values: ["2"]}`,
    ),
    target: 400,
    tetragon: { value: 10_000 },
  },
];

/** Calls that no policy wants: what looking at them costs. */
export const refusedCallRows: readonly Row[] = [...onFileOpen, ...onSyscalls].map(
  ({ id, title, call, policies, target, tetragon }) => ({
    id,
    family: `refused calls (added to one ${call})`,
    title,
    unit: 'instructions',
    machine: 'counting',
    ...(target === undefined ? {} : { target }),
    ...(tetragon === undefined ? {} : { tetragon }),
    measure: (bench) => bench.addedBy(policies, call),
  }),
);

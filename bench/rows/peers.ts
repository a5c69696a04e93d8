import { mkdirSync } from 'node:fs';
import type { Bench } from '../harness/bench.ts';
import { withAudit, withBpftrace } from '../harness/peers.ts';
import { type Call, costOf } from '../harness/workload.ts';
import type { Measurement, Row } from '../row.ts';
import { oneHookId } from './policy-curve.ts';

export const auditFolderId = (rules: number): string => `auditd.openat-folder.${rules}`;
export const bpftraceFileOpenId = (probes: number): string => `bpftrace.file-open.${probes}`;

interface Peer {
  readonly id: string;
  readonly title: string;
  readonly call: Call;
  readonly subject: 'auditd' | 'bpftrace';
  readonly counterpart: string;
  /** Runs the work under the peer's rules. */
  readonly under: (work: () => Promise<number>) => Promise<number>;
}

const mostFolders = 50;
/** Rules only take folders that exist. */
const folderRules = (count: number) =>
  Array.from({ length: count }, (_, index) => `-a always,exit -F arch=b64 -S openat -F dir=${otherFolder(index)}`);
const watches = (count: number) => Array.from({ length: count }, (_, index) => `-w /etc/other-${index} -p r`);

const otherFolder = (index: number) => `/run/other/${index}`;

function auditRow(id: string, counterpart: string, title: string, call: Call, rules: readonly string[]): Peer {
  const under: Peer['under'] = async (work) => {
    for (let index = 0; index < mostFolders; index++) mkdirSync(otherFolder(index), { recursive: true });
    return await withAudit(rules, work);
  };
  return { id: `auditd.${id}`, title, call, subject: 'auditd', counterpart, under };
}

function bpftraceRow(id: string, counterpart: string, title: string, call: Call, script: string): Peer {
  return {
    id: `bpftrace.${id}`,
    title,
    call,
    subject: 'bpftrace',
    counterpart,
    under: (work) => withBpftrace(script, work),
  };
}

/** Different names each time, so that nothing can be joined. */
function comparisons(count: number): string {
  return Array.from({ length: count }, (_, index) => comparison(`other-${index}`)).join(' ');
}

const comparison = (name: string) =>
  `kprobe:security_file_open /str(((struct file *)arg0)->f_path.dentry->d_name.name) == "${name}"/ { @[pid] = count(); }`;

/**
 * Audit last: a kernel that has once audited keeps a context for every process, rules or not.
 */
const peers: readonly Peer[] = [
  bpftraceRow(
    'file-open.1',
    'refused.equal.1',
    'security_file_open, name of the file is another',
    'open+close',
    comparisons(1),
  ),
  bpftraceRow(
    'file-open.10',
    'refused.equal.10',
    '10 such probes on security_file_open',
    'open+close',
    comparisons(10),
  ),
  bpftraceRow(
    'openat-int',
    'refused.openat-int',
    'sys_enter_openat, an int argument that does not match',
    'open+close',
    'tracepoint:syscalls:sys_enter_openat /args->flags == 77/ { @[pid] = count(); }',
  ),
  bpftraceRow(
    'openat-string',
    'refused.openat-string',
    'sys_enter_openat, a string Prefix that does not match',
    'open+close',
    'tracepoint:syscalls:sys_enter_openat /strncmp(str(args->filename), "/opt/other", 10) == 0/ { @[pid] = count(); }',
  ),
  bpftraceRow(
    'sys-enter',
    'refused.sys-enter',
    'raw_syscalls sys_enter, two other calls',
    'getppid',
    'tracepoint:raw_syscalls:sys_enter /args->id == 101 || args->id == 175/ { @[pid] = count(); }',
  ),
  bpftraceRow(
    'read',
    'refused.read',
    'security_file_permission, int and name of the file',
    'read of 1 byte',
    'kprobe:security_file_permission /arg1 == 2 && str(((struct file *)arg0)->f_path.dentry->d_name.name) == "other"/ { @[pid] = count(); }',
  ),
  auditRow('on', 'refused.no-policy', 'auditing is on, without a rule', 'open+close', []),
  auditRow('watch.1', 'refused.equal.1', '1 watch of another file', 'open+close', watches(1)),
  auditRow('watch.50', 'refused.equal.50', '50 watches of other files', 'open+close', watches(50)),
  auditRow('openat-int', 'refused.openat-int', 'rule for openat, an int argument that does not match', 'open+close', [
    '-a always,exit -F arch=b64 -S openat -F a2=77',
  ]),
  auditRow('openat-folder.1', oneHookId(1), '1 rule for openat below another folder', 'open+close', folderRules(1)),
  auditRow('openat-folder.10', oneHookId(10), '10 rules for openat below other folders', 'open+close', folderRules(10)),
  auditRow(
    'openat-folder.50',
    oneHookId(50),
    '50 rules for openat below other folders',
    'open+close',
    folderRules(mostFolders),
  ),
  auditRow('sys-enter', 'refused.sys-enter', 'rule for two other calls', 'getppid', [
    '-a always,exit -F arch=b64 -S ptrace -S init_module',
  ]),
  auditRow('read', 'refused.read', 'rule for pread64, an int argument that does not match', 'read of 1 byte', [
    '-a always,exit -F arch=b64 -S 17 -F a2=77',
  ]),
];

/** The same questions asked by what Debian ships. */
export const peerRows: readonly Row[] = peers.map(({ id, title, call, subject, counterpart, under }) => ({
  id,
  family: 'peers (added to one call)',
  title: `${subject}: ${title} (${call})`,
  unit: 'instructions',
  machine: 'counting',
  subject,
  counterpart,
  measure: (bench) => measurePeer(bench, call, under),
}));

async function measurePeer(bench: Bench, call: Call, under: Peer['under']): Promise<Measurement> {
  const without = bench.without(call);
  await bench.endSharedAgent();
  const value = (await under(() => costOf(call))) - without;
  return { value, without };
}

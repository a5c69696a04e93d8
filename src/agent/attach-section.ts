import {
  attachKprobe,
  attachLsm,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  type Link,
} from '../kernel/attach.ts';
import type { ObjectProgram } from '../kernel/object-program.ts';

/** Attaches a program where its section says: `kprobe/vfs_read`, `tp/sched/sched_switch`. Throws a KernelError. */
export function attachSection(program: ObjectProgram): Link {
  const [kind = '', ...rest] = program.section.split('/');
  const target = rest.join('/');
  switch (kind) {
    case 'kprobe':
      return attachKprobe(program, { function: target });
    case 'kretprobe':
      return attachKprobe(program, { function: target, retprobe: true });
    case 'lsm':
      return attachLsm(program);
    case 'raw_tp':
      return attachRawTracepoint(program, target);
    case 'tp':
      return attachTracepoint(program, rest[0]!, rest[1]!);
    default:
      return attachTrace(program);
  }
}

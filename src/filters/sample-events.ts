import { EventPipeline } from '../events/event-pipeline.ts';
import type { EventHook, EventPlan } from '../events/event-plan.ts';
import type { Event } from '../events/events.ts';
import { EventEncoder } from '../events/json/event-encoder.ts';
import { ProcessEncoder } from '../events/json/process-encoder.ts';
import { execBytes, exitBytes, fileBytes, hookBytes, numberBytes } from '../events/test-record.ts';
import { WallClock } from '../events/wall-clock.ts';
import { processFlags } from '../events/wire.ts';

/**
 * A small history for tests: sshd (10) starts bash (20), which starts sudo (30), which runs curl (40) in a container;
 * curl opens a file, which a policy reports, and is killed. `visit` is called with each event while it is valid.
 */
export function visitSampleEvents(visit: (event: Event, line: Buffer) => void): void {
  const bootToWallNs = 1_795_150_718_822_743_326n;
  const clock = new WallClock(bootToWallNs);
  const options = { nodeName: 'node-1', clock, withCredentials: true, withNamespaces: false, hostNamespaces: [] };
  const encoder = new EventEncoder(new ProcessEncoder(options), clock, 'node-1');
  const pipeline = new EventPipeline({
    nodeName: 'node-1',
    bootToWallNs,
    withCredentials: true,
    sinks: [
      {
        takes: 'events',
        write: (event) => {
          encoder.encode(event);
          visit(event, Buffer.from(encoder.writer.buffer.subarray(0, encoder.writer.length)));
        },
        flush: () => {},
        close: () => {},
      },
    ],
  });
  pipeline.addPlan(plan);
  for (const record of records()) pipeline.handle(record, 0, record.length);
  pipeline.close();
}

function records(): Buffer[] {
  const exec = (tgid: number, parentTgid: number, argv: readonly string[], more: object = {}): Buffer =>
    execBytes({
      ktime: BigInt(tgid) * 1000n,
      execKtime: BigInt(tgid) * 1000n,
      tgid,
      parentTgid,
      parentKtime: BigInt(parentTgid) * 1000n,
      binary: argv[0]!,
      cwd: '/root',
      argv,
      uid: 0,
      ...more,
    });
  const curl = { ktime: 41_000n, execKtime: 40_000n, tgid: 40 };
  return [
    exec(10, 1, ['/usr/sbin/sshd', '-D'], { flags: processFlags.EXECVE | processFlags.IN_INIT_TREE }),
    exec(20, 10, ['/bin/bash', '-l']),
    exec(30, 20, ['/usr/bin/sudo', 'curl'], { credentials: { permitted: 0x1n << 21n, effective: 0x1n << 21n } }),
    exec(40, 30, ['/usr/bin/curl', '--user', 'me:secret', 'https://example.org/a b'], {
      cgroup: `cri-containerd-${'0123456789abcdef'.repeat(4)}.scope`,
    }),
    hookBytes({
      ...curl,
      planId: 7,
      matches: [0],
      values: [{ bytes: fileBytes('/etc/shadow', 0o100600) }, { bytes: numberBytes(4) }],
    }),
    exitBytes({ ...curl, ktime: 42_000n, code: 9 }),
  ];
}

const hook: EventHook = {
  policyName: 'watch-shadow',
  policyNamespace: undefined,
  event: 'kprobe',
  functionName: 'security_file_permission',
  subsystem: '',
  tracepoint: '',
  args: [
    { value: 0, type: 'file', spelledType: 'file', label: '' },
    { value: 1, type: 'sint32', spelledType: 'int', label: 'mask' },
  ],
  returnArg: undefined,
  message: 'shadow was read',
  tags: ['files'],
  severity: 'high',
  mitreTechniques: ['T1003.008'],
};

const plan: EventPlan = {
  planId: 7,
  values: [{ type: 'file' }, { type: 'sint32' }],
  selectors: [
    {
      hook,
      index: 0,
      label: '',
      post: true,
      action: 'KPROBE_ACTION_SIGKILL',
      monitoredAction: undefined,
      returnFilters: [],
    },
  ],
};

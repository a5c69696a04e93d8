/** What a line of compact text says about a call: its tag, and what stands behind the binary. */
export interface CallDetails {
  readonly emoji: string;
  readonly tag: string;
  readonly details: string;
}

/** A call as far as its text needs it, whatever it was read from. */
export interface CallText {
  readonly event: 'kprobe' | 'tracepoint' | 'lsm' | 'uprobe' | 'usdt';
  /** What was called: a function or a hook; for tracepoints subsystem and event, for uprobes path and symbol. */
  readonly name: readonly string[];
  readonly args: readonly ArgumentText[];
  readonly returned: ArgumentText | undefined;
}

export interface ArgumentText {
  readonly text: string;
  /** The low 32 bits of a number. */
  readonly bits: number | undefined;
}

/** Tag and details of a call: special ones for the functions Tetragon's client knows, all arguments for others. */
export function callDetails(call: CallText): CallDetails {
  const texts = call.args.map(({ text }) => text);
  switch (call.event) {
    case 'kprobe':
      return kprobeDetails(call);
    case 'tracepoint':
      return tracepointDetails(call);
    case 'lsm':
      return { emoji: '🔒', tag: 'LSM', details: words(...call.name, ...texts) };
    case 'uprobe':
    case 'usdt':
      return { emoji: '🕵️', tag: call.event, details: words(...call.name, ...texts) };
    default:
      return call.event satisfies never;
  }
}

function kprobeDetails({ name: [functionName = ''], args, returned }: CallText): CallDetails {
  const known = knownCalls[functionName.replace(syscallPrefix, '')]?.(args);
  if (known !== undefined) return known;
  const result = returned === undefined ? '' : `= ${returned.text}`;
  const texts = args.map(({ text }) => text);
  return { emoji: '❓', tag: 'syscall', details: words(functionName, ...texts, result) };
}

function tracepointDetails({ name: [subsystem = '', name = ''], args }: CallText): CallDetails {
  const texts = args.map(({ text }) => text);
  if (subsystem === 'raw_syscalls' && name === 'sys_enter')
    return { emoji: '☎', tag: 'syscall', details: words(...texts) };
  return { emoji: '⁉️', tag: 'tracepoint', details: words(subsystem, name, ...texts) };
}

type DetailsOf = (values: readonly ArgumentText[]) => CallDetails | undefined;

/** Shows the arguments at `positions`; a missing one leaves no gap. */
function showing(emoji: string, tag: string, ...positions: readonly number[]): DetailsOf {
  return (values) => ({ emoji, tag, details: words(...positions.map((position) => textAt(values, position))) });
}

function transfer(emoji: string, tag: string): DetailsOf {
  return (values) => {
    const size = textAt(values, 2);
    return { emoji, tag, details: words(textAt(values, 0), size === '' ? '' : `${size} bytes`) };
  };
}

/** `security_file_permission(file, mask)`: MAY_WRITE is 2, MAY_READ is 4. */
function filePermission(values: readonly ArgumentText[]): CallDetails | undefined {
  const mask = textAt(values, 1);
  const details = textAt(values, 0);
  if (mask === '2') return { emoji: '📝', tag: 'write', details };
  if (mask === '4') return { emoji: '📚', tag: 'read', details };
  return undefined;
}

/** `security_mmap_file(file, prot)`: PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4. */
function mmapFile(values: readonly ArgumentText[]): CallDetails | undefined {
  const bits = values[1]?.bits;
  if (bits === undefined) return undefined;
  const letters = ['r', 'w', 'x'].filter((_, bit) => (bits & (1 << bit)) !== 0).join('');
  return { emoji: '📝', tag: `mmap-${letters}`, details: textAt(values, 0) };
}

function setns(values: readonly ArgumentText[]): CallDetails {
  const name = namespaceNames.get(values[1]?.bits ?? -1);
  return { emoji: '🔧', tag: 'setns', details: name ?? textAt(values, 1) };
}

function sendmsg(values: readonly ArgumentText[]): CallDetails {
  const size = textAt(values, 1);
  return { emoji: '📤', tag: 'sendmsg', details: words(textAt(values, 0), size === '' ? '' : `bytes ${size}`) };
}

function textAt(values: readonly ArgumentText[], position: number): string {
  return values[position]?.text ?? '';
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}

const knownCalls: Readonly<Record<string, DetailsOf>> = {
  sys_write: transfer('📝', 'write'),
  sys_read: transfer('📚', 'read'),
  fd_install: showing('📬', 'open', 1),
  sys_openat: showing('📬', 'openat', 1),
  sys_open: showing('📬', 'open', 0),
  sys_close: showing('📪', 'close', 0),
  sys_mount: showing('💾', 'mount', 0, 1),
  sys_pivot_root: showing('💾', 'pivot_root', 0, 1),
  sys_setuid: showing('🔑', 'setuid', 0),
  sys_clock_settime: showing('⏰', 'clock_settime'),
  proc_exec_connector: showing('🔧', 'proc_exec_connector'),
  sys_setns: setns,
  tcp_connect: showing('🔌', 'connect', 0),
  tcp_close: showing('🧹', 'close', 0),
  tcp_sendmsg: sendmsg,
  bpf_check: showing('🐝', 'bpf_load', 0),
  security_perf_event_alloc: showing('🐝', 'perf_event_alloc', 0),
  security_bpf_map_alloc: showing('🗺', 'bpf_map_create', 0),
  security_bpf_map_create: showing('🗺', 'bpf_map_create', 0),
  security_file_permission: filePermission,
  security_mmap_file: mmapFile,
  security_path_truncate: showing('📝', 'truncate', 0),
  security_file_truncate: showing('📝', 'truncate', 0),
};

const syscallPrefix = /^__(?:x64|ia32|arm64|arm32)_(?=sys_)/;

/** `CLONE_NEW*` flags. */
const namespaceNames: ReadonlyMap<number, string> = new Map([
  [0, 'any'],
  [0x80, 'time'],
  [0x20000, 'mnt'],
  [0x2000000, 'cgroup'],
  [0x4000000, 'uts'],
  [0x8000000, 'ipc'],
  [0x10000000, 'user'],
  [0x20000000, 'pid'],
  [0x40000000, 'net'],
]);

import { type JsonObject, textAt } from './json.ts';

/** What kind of thing was called, and its name without the prefixes of architectures and mechanisms. */
export interface HookCall {
  readonly kind: 'syscall' | 'lsm' | 'function' | 'tracepoint' | 'user';
  readonly name: string;
}

/** What an event of a policy is about; undefined for other events and those whose name was filtered out. */
export function hookCall(type: string, event: JsonObject): HookCall | undefined {
  switch (type) {
    case 'process_kprobe':
      return functionCall(textAt(event, 'function_name'));
    case 'process_lsm':
      return lsmCall(textAt(event, 'function_name'));
    case 'process_tracepoint':
      return tracepointCall(textAt(event, 'subsys'), textAt(event, 'event'));
    case 'process_uprobe':
      return userCall(textAt(event, 'symbol'));
    case 'process_usdt':
      return userCall([textAt(event, 'provider'), textAt(event, 'name')].filter(Boolean).join(':'));
    default:
      return undefined;
  }
}

function functionCall(name: string | undefined): HookCall | undefined {
  if (name === undefined) return undefined;
  const syscall = syscallPattern.exec(name)?.[1];
  if (syscall !== undefined) return { kind: 'syscall', name: syscall };
  if (name.startsWith('security_')) return { kind: 'lsm', name: name.slice('security_'.length) };
  return { kind: 'function', name };
}

/** `__x64_sys_openat`, `__arm64_compat_sys_openat`, `x64/sys_openat`. */
const syscallPattern =
  /^(?:(?:x64|arm64|i386|arm32)\/)?(?:__(?:x64|ia32|arm64|x32|se|do)_)?(?:compat_)?sys_([a-z0-9_]+)$/;

function lsmCall(name: string | undefined): HookCall | undefined {
  return name === undefined ? undefined : { kind: 'lsm', name: name.replace(/^bpf_lsm_/, '') };
}

function tracepointCall(subsystem = '', event = ''): HookCall | undefined {
  if (event === '') return undefined;
  const syscall = subsystem === 'syscalls' ? /^sys_(?:enter|exit)_(.+)$/.exec(event)?.[1] : undefined;
  if (syscall !== undefined) return { kind: 'syscall', name: syscall };
  return { kind: 'tracepoint', name: subsystem === '' ? event : `${subsystem}/${event}` };
}

function userCall(name: string | undefined): HookCall | undefined {
  return name === undefined || name === '' ? undefined : { kind: 'user', name };
}

/** How a `call` names a system call. */
export interface SyscallName {
  /** `sys_openat`, whatever prefix the policy wrote. */
  readonly target: string;
  /** Set for calls of 32-bit programs on a 64-bit kernel (`__ia32_sys_x`, `i386/sys_x`). */
  readonly compat: boolean;
}

const nativePrefix = /^(?:__(?:x64|arm64|s390x|se)_|(?:x64|arm64)\/(?:__(?:x64|arm64)_)?)?(sys_[a-z0-9_]+)$/;
const compatPrefix =
  /^(?:__(?:ia32|arm64|x32|s390)_(?:compat_)?|compat_|(?:i386|arm32)\/(?:__ia32_)?(?:compat_)?)(sys_[a-z0-9_]+)$/;

/** The system call a function name stands for, or undefined when it is a function like any other. */
export function syscallName(call: string): SyscallName | undefined {
  const native = nativePrefix.exec(call);
  if (native !== null) return { target: native[1]!, compat: false };
  const compat = compatPrefix.exec(call);
  return compat === null ? undefined : { target: compat[1]!, compat: true };
}

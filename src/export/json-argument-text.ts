import { printable, quoted } from './printable.ts';

/** A `KprobeArgument` of Tetragon's JSON. */
export type JsonArgument = Readonly<Record<string, unknown>>;

/** An argument in one word or a few, for humans: the text that `valueText` gives for what has not been JSON. */
export function jsonArgumentText(argument: JsonArgument): string {
  for (const [name, print] of Object.entries(printers)) {
    const value = argument[name];
    if (value !== undefined) return print(value as never);
  }
  const { label: _, ...rest } = argument;
  return printable(JSON.stringify(rest));
}

interface Path {
  readonly path?: string;
}

interface Sock {
  readonly family?: string;
  readonly protocol?: string;
  readonly saddr?: string;
  readonly daddr?: string;
  readonly sport?: number;
  readonly dport?: number;
}

interface Credentials {
  readonly uid?: number;
  readonly euid?: number;
  readonly gid?: number;
  readonly egid?: number;
}

const pathText = ({ path = '' }: Path): string => quoted(path);
const nameText = ({ name = '' }: { name?: string }): string => quoted(name);
const plain = (value: unknown): string => String(value);

/** By member of the oneof. */
const printers: Readonly<Record<string, (value: never) => string>> = {
  error_arg: ({ Message: message = '' }: { Message?: string }) => `<${printable(message)}>`,
  int_arg: plain,
  uint_arg: plain,
  long_arg: plain,
  size_arg: plain,
  string_arg: (text: string) => quoted(text),
  bytes_arg: (text: string) => bytesText(text, ''),
  truncated_bytes_arg: ({ bytes_arg: text = '' }: { bytes_arg?: string }) => bytesText(text, '…'),
  file_arg: pathText,
  path_arg: pathText,
  linux_binprm_arg: pathText,
  sockaddrun_arg: pathText,
  sock_arg: socketText,
  skb_arg: socketText,
  sockaddr_arg: ({ family = '', addr, port = 0 }: { family?: string; addr?: string; port?: number }) =>
    addr === undefined ? family : endpoint(addr, port),
  process_credentials_arg: ({ uid, euid, gid, egid }: Credentials) =>
    `uid=${uid ?? 0} euid=${euid ?? 0} gid=${gid ?? 0} egid=${egid ?? 0}`,
  syscall_id: ({ id = 0 }: { id?: number }) => String(id),
  user_ns_arg: ({ level, uid }: { level?: number; uid?: number }) => `level=${level ?? 0} owner=${uid ?? 0}`,
  capability_arg: ({ name, value = 0 }: { name?: string; value?: number }) => printable(name ?? String(value)),
  module_arg: nameText,
  net_dev_arg: nameText,
  bpf_cmd_arg: (name: string | number) => printable(String(name)),
  kernel_cap_t_arg: (mask: string) => printable(mask),
  cap_inheritable_arg: (mask: string) => printable(mask),
  cap_permitted_arg: (mask: string) => printable(mask),
  cap_effective_arg: (mask: string) => printable(mask),
};

/** `tcp 127.0.0.1:45414 -> 127.0.0.1:5555` */
function socketText({ family = '', protocol = '', saddr, daddr = '', sport = 0, dport = 0 }: Sock): string {
  if (saddr === undefined) return printable(family);
  const name = protocol.replace(/^IPPROTO_/, '').toLowerCase();
  return printable(`${name} ${endpoint(saddr, sport)} -> ${endpoint(daddr, dport)}`);
}

function endpoint(address: string, port: number): string {
  return printable(address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`);
}

function bytesText(base64: string, end: string): string {
  return quoted(Buffer.from(base64, 'base64').toString('utf8')) + end;
}

/** Where a syslog receiver listens. */
export type SyslogAddress =
  | { readonly transport: 'tcp' | 'tls' | 'udp'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string };

/**
 * `tcp://host:port`, `tls://host:port`, `udp://host:port` (ports by default 601, 6514, 514) or `unix:///dev/log`.
 * Throws an Error whose message completes `"text" is not ...`.
 */
export function parseSyslogAddress(text: string): SyslogAddress {
  const unix = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (unix !== undefined) {
    if (Buffer.byteLength(unix) > longestPath) throw new Error(`a path of at most ${longestPath} bytes`);
    return { transport: 'unix', path: unix };
  }
  const match = /^(tcp|tls|udp):\/\/(?:\[([0-9a-fA-F:.%\w]+)\]|([^:/[\]@]+))(?::(\d{1,5}))?\/?$/.exec(text);
  const transport = match?.[1] as 'tcp' | 'tls' | 'udp' | undefined;
  const port = match?.[4] === undefined ? defaultPorts[transport ?? 'tcp'] : Number(match[4]);
  if (transport === undefined || port < 1 || port > 65_535) throw new Error(examples);
  return { transport, host: match![2] ?? match![3]!, port };
}

export function showSyslogAddress(address: SyslogAddress): string {
  if (address.transport === 'unix') return `unix://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${address.transport}://${host}:${address.port}`;
}

const examples =
  'an address such as tls://logs.example.com:6514, tcp://[::1]:601, udp://10.0.0.1:514 or unix:///dev/log';
const defaultPorts = { tcp: 601, tls: 6514, udp: 514 } as const;
/** Of a unix socket. */
const longestPath = 107;

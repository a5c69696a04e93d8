/** Where a server listens or a client connects. */
export type ServerAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/**
 * Reads `unix:///run/x.sock`, `unix:/run/x.sock`, `host:port`, `[::1]:54321`, `:54321`; undefined when it is none of
 * them. Port 0 lets the system choose. Without a host a server listens on all addresses, and a client takes localhost.
 */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const unix = /^unix:(?:\/\/(?=\/))?(\/[^/].*)$/.exec(text);
  if (unix !== null) return { kind: 'unix', path: unix[1]! };
  const tcp = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:/[\]\s]*)):(\d{1,5})$/.exec(text);
  if (tcp === null || Number(tcp[3]) > 65_535) return undefined;
  return { kind: 'tcp', host: tcp[1] ?? tcp[2]!, port: Number(tcp[3]) };
}

/** The form that clients take; an empty host is `localhost`. */
export function serverAddressText(address: ServerAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  const host = address.host === '' ? 'localhost' : address.host;
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** Examples of what `parseServerAddress` understands, for error messages. */
export const serverAddressForms = 'unix:///run/tetragon/tetragon.sock, localhost:54321 or [::1]:54321';

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { StatusError } from './status.ts';

/** A reader sees events and state; an admin may change them too. */
export type Role = 'reader' | 'admin';

/** Who is at the other end of a connection. */
export interface Peer {
  readonly role: Role;
  /** For messages: `unix socket`, `10.0.0.7:41234`, `10.0.0.7:41234 (CN=ops)`. */
  readonly name: string;
}

/** Whoever may open the socket file is trusted: its permissions decide. */
export const unixPeer: Peer = { role: 'admin', name: 'unix socket' };

/** The network is trusted to read at most. */
export function plainPeer(socket: Socket): Peer {
  return { role: 'reader', name: addressOf(socket) };
}

/** A client with a certificate that our authorities signed is an admin. */
export function tlsPeer(socket: TLSSocket): Peer {
  if (!socket.authorized) return plainPeer(socket);
  const subject = socket.getPeerCertificate().subject;
  return { role: 'admin', name: `${addressOf(socket)} (CN=${subject?.CN ?? ''})` };
}

/** Throws PERMISSION_DENIED for a peer that may only read. */
export function requireAdmin(peer: Peer): void {
  if (peer.role === 'admin') return;
  const remedy = 'use the unix socket, or TLS with a client certificate (--server-tls-client-ca-files)';
  throw new StatusError('PERMISSION_DENIED', `${peer.name} may only read; to change anything ${remedy}`);
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

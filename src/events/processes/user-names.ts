import { namespaceOrder } from '../wire.ts';
import type { Process } from './process.ts';

/** Names of users by their id. */
export interface UserDatabase {
  /** Undefined for an id that has no name. */
  nameOf(uid: number): string | undefined;
}

/**
 * The name of the user a process runs as: only for processes in the host's mount and user namespaces, because elsewhere
 * the id may be another user's. `hostNamespaces` are inode numbers in `namespaceOrder`.
 */
export function userNameOf(
  { uid, namespaces }: Process,
  users: UserDatabase,
  hostNamespaces: readonly number[],
): string | undefined {
  if (uid === undefined || namespaces === undefined) return undefined;
  for (const index of decisiveNamespaces) {
    const inum = namespaces[index] ?? 0;
    if (inum === 0 || inum !== hostNamespaces[index]) return undefined;
  }
  return users.nameOf(uid);
}

const decisiveNamespaces = [namespaceOrder.indexOf('mnt'), namespaceOrder.indexOf('user')];

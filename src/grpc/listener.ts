import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server as NetServer } from 'node:net';
import { dirname } from 'node:path';
import { makeFolder } from '../kernel/make-folder.ts';
import type { ServerAddress } from './server-address.ts';

/** The owner and the group may connect, as with Tetragon's socket. */
const socketMode = 0o660;
/** `sockaddr_un.sun_path`, without the zero at its end. */
const longestSocketPath = 107;

/**
 * Starts to listen. A socket file that nobody serves any more is replaced; one that somebody serves is an error, as is
 * a port in use. Resolves with the address as it is now: the system may have chosen the port.
 */
export async function listen(server: NetServer, address: ServerAddress): Promise<ServerAddress> {
  if (address.kind === 'unix') {
    const bytes = Buffer.byteLength(address.path);
    if (bytes > longestSocketPath)
      throw new Error(`${address.path} is ${bytes} bytes long; the path of a socket has ${longestSocketPath} at most`);
    await removeStaleSocket(address.path);
    makeFolder(dirname(address.path), 0o755);
    await listenOnSocket(server, address.path);
    return address;
  }
  const { host, port } = address;
  /* Without a host on all addresses, as Tetragon understands `:54321`. */
  await started(server, () => server.listen(host === '' ? { port } : { port, host }));
  const bound = server.address();
  return bound !== null && typeof bound === 'object' ? { ...address, port: bound.port } : address;
}

/** Nobody else may connect at any moment: the file gets its mode when it is made. */
async function listenOnSocket(server: NetServer, path: string): Promise<void> {
  const umask = process.umask(0o777 & ~socketMode);
  try {
    await started(server, () => {
      server.listen({ path });
      process.umask(umask);
    });
  } finally {
    process.umask(umask);
  }
  chmodSync(path, socketMode);
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is no socket; remove it or choose another address`);
  if (await answers(path)) throw new Error(`${path} is served by another process; stop it or choose another address`);
  unlinkSync(path);
}

/** Whether somebody accepts connections. A full queue is somebody, too. */
async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.on('connect', () => resolve(true));
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
  const answered = await promise;
  socket.destroy();
  return answered;
}

async function started(server: NetServer, start: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).once('listening', resolve);
  start();
  await promise;
  server.removeListener('error', reject);
  /* A connection that cannot be accepted (ENOMEM and the like) is lost to its client; it must not end the agent. */
  server.on('error', () => {});
}

import { existsSync } from 'node:fs';
import { defaultInfoFile, readServerAddress } from '../grpc/info-file.ts';
import { parseServerAddress, type ServerAddress } from '../grpc/server-address.ts';

/** Where an agent serves when nothing else is said. */
export const defaultSocket = '/var/run/tetragon/tetragon.sock';

/** Finds the agent of this machine: what its info file says, else the usual socket, else Tetragon's port. */
export function findAgent(infoFile: string = defaultInfoFile, socket: string = defaultSocket): ServerAddress {
  const told = readServerAddress(infoFile);
  const address = told === undefined ? undefined : parseServerAddress(told);
  if (address !== undefined) return address;
  if (existsSync(socket)) return { kind: 'unix', path: socket };
  return { kind: 'tcp', host: 'localhost', port: 54_321 };
}

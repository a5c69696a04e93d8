import { readFileSync, type Stats, statSync } from 'node:fs';
import type { UserDatabase } from '../events/processes/user-names.ts';

/**
 * Names of users from a file in the form of `/etc/passwd`; no name service is asked. Looks at most once a second whether
 * the file was replaced or changed; while it cannot be read, the names read last stay.
 */
export class PasswdFile implements UserDatabase {
  readonly #path: string;
  #names = new Map<number, string>();
  #version = '';
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(path = hostPasswdPath()) {
    this.#path = path;
  }

  nameOf(uid: number): string | undefined {
    const now = performance.now();
    if (now - this.#lookedAtMs >= lookIntervalMs) {
      this.#lookedAtMs = now;
      this.#look();
    }
    return this.#names.get(uid);
  }

  #look(): void {
    try {
      const version = versionOf(statSync(this.#path));
      if (version === this.#version) return;
      this.#names = parsePasswd(readFileSync(this.#path, 'utf8'));
      this.#version = version;
    } catch {
      /* Replaced by a file that is not there yet, or may not be read any more. */
    }
  }
}

/** Names by user id: the first line of an id counts, as for the C library. Lines of another form are passed over. */
export function parsePasswd(text: string): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || name === '' || id === undefined || !/^\d{1,10}$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}

/** The file of the host also when this agent runs in a container, as long as it sees the host's processes. */
export function hostPasswdPath(): string {
  const ofFirstProcess = '/proc/1/root/etc/passwd';
  try {
    return versionOf(statSync(ofFirstProcess)) === versionOf(statSync(ownPasswd)) ? ownPasswd : ofFirstProcess;
  } catch {
    return ownPasswd;
  }
}

function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

const ownPasswd = '/etc/passwd';
const lookIntervalMs = 1000;

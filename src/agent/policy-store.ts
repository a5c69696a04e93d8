import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../kernel/make-folder.ts';
import { replaceFile } from '../kernel/replace-file.ts';
import type { PolicyKey, PolicyRecord, PolicyStore, StoredPolicy } from './policy-registry.ts';

/** Keeps policies of clients in a directory, one file of JSON each: `name:namespace:domain.json`. */
export class PolicyDirectory implements PolicyStore {
  readonly #path: string;

  /** Throws the system's error when the directory cannot be made. */
  constructor(path: string) {
    this.#path = path;
    makeFolder(path, 0o700);
  }

  save({ yaml, enabled, chosenMode: mode, ...key }: PolicyRecord): void {
    replaceFile(this.#fileOf(key), JSON.stringify({ yaml, enabled, mode }), 0o600);
  }

  remove(key: PolicyKey): void {
    rmSync(this.#fileOf(key), { force: true });
  }

  /** All policies, in the order of the file names. Throws an Error that names a file that cannot be read. */
  load(): StoredPolicy[] {
    const names = readdirSync(this.#path).filter((name) => name.endsWith('.json'));
    return names.sort().map((name) => this.#read(name));
  }

  #read(name: string): StoredPolicy {
    const path = join(this.#path, name);
    const domain = /:([^:]*)\.json$/.exec(name)?.[1];
    const content = parseJson(readFileSync(path, 'utf8'));
    if (domain === undefined || !isStored(content)) throw new Error(`${path} is no stored policy; remove it`);
    return { ...content, domain };
  }

  /** Names of policies and namespaces cannot contain colons or slashes; those of domains are checked when they come. */
  #fileOf({ name, namespace, domain }: PolicyKey): string {
    return join(this.#path, `${name}:${namespace}:${domain}.json`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStored(content: unknown): content is Omit<StoredPolicy, 'domain'> {
  if (typeof content !== 'object' || content === null) return false;
  const { yaml, enabled, mode } = content as Record<string, unknown>;
  const knownMode = mode === undefined || mode === 'enforce' || mode === 'monitor';
  return typeof yaml === 'string' && typeof enabled === 'boolean' && knownMode;
}

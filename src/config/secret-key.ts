import { readFileSync } from 'node:fs';
import { describe, group, optionalKey, scalar, type ValueReader } from './key-table.ts';
import { textType } from './option-types.ts';

/** A value that others must not see, or the place where it is. Read when it is needed, so that it may be exchanged. */
export interface Secret {
  /** Throws an Error that says which place has no secret. */
  read(): string;
}

/** `{file: /path}`, `{env: NAME}`, or the value itself. A place that cannot be read is reported where it is named. */
export const secretValue: ValueReader<Secret> = (node, report) => {
  if (node.kind === 'scalar' && node.value !== null) {
    const { text } = node;
    return { read: () => text };
  }
  const place = node.kind === 'map' ? secretPlace(node, report) : undefined;
  const secret = secretAt(place?.file, place?.env);
  if (secret === undefined) {
    const hint = 'Write {file: /path/of/the/secret} or {env: NAME_OF_VARIABLE}.';
    report(node.position, `Expected one place of a secret, found ${describe(node)}`, hint);
    return undefined;
  }
  try {
    secret.read();
    return secret;
  } catch (error) {
    report(node.position, (error as Error).message);
    return undefined;
  }
};

const text = scalar(textType('TEXT'));
const secretPlace = group({ file: optionalKey(text), env: optionalKey(text) });

function secretAt(file: string | undefined, variable: string | undefined): Secret | undefined {
  if ((file === undefined) === (variable === undefined)) return undefined;
  if (file !== undefined) return { read: () => readSecretFile(file) };
  return {
    read: () => {
      const value = process.env[variable!];
      if (!value) throw new Error(`The environment variable ${variable} with the secret is not set`);
      return value;
    },
  };
}

function readSecretFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    throw new Error(`The secret cannot be read: ${(error as Error).message}`);
  }
}

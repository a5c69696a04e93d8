import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { Setting, SettingProblem } from './setting.ts';

/** Where settings are looked for, weakest first, as Tetragon does with its own name; `--config-dir` comes after. */
export const configPaths: readonly string[] = [
  '/usr/lib/jatai/jatai.conf.d',
  '/usr/local/lib/jatai/jatai.conf.d',
  '/etc/jatai/jatai.yaml',
  '/etc/jatai/jatai.conf.d',
];

export interface FileSettings {
  readonly settings: readonly Setting[];
  readonly problems: readonly SettingProblem[];
}

/** Settings of a directory with one file for each option, or of a YAML file with one key for each. */
export function readConfigPath(path: string, mustExist: boolean): FileSettings {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    const problem = {
      origin: path,
      message: 'no such file or directory',
      hint: 'Create it, or leave out --config-dir.',
    };
    return { settings: [], problems: mustExist ? [problem] : [] };
  }
  try {
    return stat.isDirectory() ? readDirectory(path) : readYaml(path);
  } catch (error) {
    return { settings: [], problems: [{ origin: path, message: (error as Error).message, hint: '' }] };
  }
}

/** Names that start with a dot are how Kubernetes mounts a ConfigMap, and how editors keep copies. */
function readDirectory(directory: string): FileSettings {
  const settings: Setting[] = [];
  const problems: SettingProblem[] = [];
  for (const name of readdirSync(directory).sort()) {
    const file = join(directory, name);
    if (name.startsWith('.')) continue;
    try {
      settings.push({ name, source: directory, origin: file, text: readFileSync(file, 'utf8').trim() });
    } catch (error) {
      problems.push({
        origin: file,
        message: (error as Error).message,
        hint: 'A file here is named like an option and holds its value.',
      });
    }
  }
  return { settings, problems };
}

function readYaml(file: string): FileSettings {
  const document = parseDocument(readFileSync(file, 'utf8'));
  const [error] = document.errors;
  if (error !== undefined) return { settings: [], problems: [{ origin: file, message: error.message, hint: '' }] };
  const content: unknown = document.toJS();
  if (content === null) return { settings: [], problems: [] };
  if (typeof content !== 'object' || Array.isArray(content)) {
    return {
      settings: [],
      problems: [{ origin: file, message: 'is no map of options', hint: 'Write one "name: value" for each option.' }],
    };
  }
  const entries = Object.entries(content as Record<string, unknown>);
  const isMissing = ([, value]: [string, unknown]): boolean => value === null;
  return {
    settings: entries
      .filter((entry) => !isMissing(entry))
      .map(([name, value]) => ({ name, source: file, origin: `${file}: ${name}`, text: textOf(value) })),
    problems: entries.filter(isMissing).map(([name]) => ({
      origin: `${file}: ${name}`,
      message: 'a value is missing',
      hint: 'Write one, or remove the line.',
    })),
  };
}

/** As it would stand on the command line: filters are objects, one after another. */
function textOf(value: unknown): string {
  if (!Array.isArray(value)) return typeof value === 'object' ? JSON.stringify(value) : String(value);
  return value.map(textOf).join(value.some((item) => typeof item === 'object') ? '\n' : ',');
}

import { suggest } from '../policy/suggest.ts';
import { parseCommandLine } from './command-line.ts';
import { configPaths, readConfigPath } from './config-files.ts';
import { readEnvironment } from './environment.ts';
import { findOption, type Options, type OptionValues } from './option.ts';
import type { Setting, SettingProblem } from './setting.ts';
import { tetragonOptions } from './tetragon-options.ts';

export interface Config<Given extends Options> {
  readonly values: OptionValues<Given>;
  /** Where the value in force comes from; undefined for a default. */
  readonly origins: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
  /** Settings that have no effect, with the reason. */
  readonly notices: readonly SettingProblem[];
}

export interface ConfigSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Directories and YAML files, weakest first. */
  readonly paths?: readonly string[];
}

/** All that is wrong with the configuration, each with where it was found. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    super(
      problems.map(({ origin, message, hint }) => `${origin}: ${message}${hint === '' ? '' : `. ${hint}`}`).join('\n'),
    );
    this.problems = problems;
  }
}

const configDirectory = 'config-dir';

/**
 * Reads settings from files, `--config-dir`, the environment and the command line; what comes later in this order
 * wins. Throws a ConfigError that names every unknown option and every value that cannot be.
 */
export function readConfig<const Given extends Options>(options: Given, sources: ConfigSources): Config<Given> {
  const commandLine = parseCommandLine(sources.args, options);
  const environment = readEnvironment(sources.environment, options);
  const paths = (sources.paths ?? configPaths).map((path) => readConfigPath(path, false));
  const given = [...paths.flatMap((path) => path.settings), ...environment, ...commandLine.settings];
  const directory = given.findLast(({ name }) => name === configDirectory);
  if (directory !== undefined && directory.text !== '') paths.push(readConfigPath(directory.text, true));
  const settings = [...paths.flatMap((path) => path.settings), ...environment, ...commandLine.settings];
  const problems = [...paths.flatMap((path) => path.problems), ...commandLine.problems];
  const notices: SettingProblem[] = [];
  const byOption = new Map<string, Setting[]>();
  for (const setting of settings) {
    const name = findOption(options, setting.name);
    if (name === undefined) judgeUnknown(setting, options, problems, notices);
    else byOption.set(name, addSetting(byOption.get(name), setting, options[name]!.type.isList === true));
  }
  const values = parseAll(options, byOption, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    values: values as OptionValues<Given>,
    origins: new Map([...byOption].map(([name, all]) => [name, all.at(-1)!.origin])),
    operands: commandLine.operands,
    notices,
  };
}

/** A later source replaces an earlier one; a list repeated in the same source grows. */
function addSetting(known: readonly Setting[] | undefined, setting: Setting, isList: boolean): Setting[] {
  if (isList && known?.at(-1)?.source === setting.source) return [...known, setting];
  return [setting];
}

function parseAll(options: Options, given: ReadonlyMap<string, readonly Setting[]>, problems: SettingProblem[]) {
  const values: Record<string, unknown> = {};
  for (const [name, { type, initial }] of Object.entries(options)) {
    const settings = given.get(name);
    if (settings === undefined) {
      values[name] = initial;
      continue;
    }
    const parsed = settings.map((setting) => parseSetting(setting, (text) => type.parse(text), problems));
    values[name] = type.isList ? parsed.flat() : parsed.at(-1);
  }
  return values;
}

function parseSetting(setting: Setting, parse: (text: string) => unknown, problems: SettingProblem[]): unknown {
  try {
    return parse(setting.text);
  } catch (error) {
    const message = `"${setting.text}" is not ${(error as Error).message}`;
    problems.push({ origin: setting.origin, message, hint: '' });
    return undefined;
  }
}

function judgeUnknown(setting: Setting, options: Options, problems: SettingProblem[], notices: SettingProblem[]): void {
  const { name, origin, text } = setting;
  const foreign = tetragonOptions[name];
  if (foreign === undefined) {
    const dashes = origin.startsWith('-') ? '--' : '';
    const names = Object.entries(options).flatMap(([own, { aliases }]) => [
      own,
      ...aliases.filter((alias) => alias.length > 1),
    ]);
    const hint = suggest(
      dashes + name,
      names.map((own) => dashes + own),
    );
    problems.push({ origin, message: 'unknown option', hint });
  } else if (foreign.needed && !foreign.harmless.includes(text)) {
    problems.push({
      origin,
      message: `Tetragon's option "${name}" is not available: ${foreign.reason}`,
      hint: 'Remove it.',
    });
  } else {
    notices.push({ origin, message: `has no effect: ${foreign.reason}`, hint: '' });
  }
}

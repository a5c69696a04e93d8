import { findOption, type Options } from './option.ts';
import type { Setting } from './setting.ts';

/** What Kubernetes sets in every container for a Service of the same name. */
const serviceVariable = /^(.*_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_.*)?)$/;

/**
 * Settings of environment variables: `TETRAGON_RB_SIZE`, and with precedence `JATAI_RB_SIZE`. Variables of Tetragon that
 * are no option are left alone: they may mean something to others.
 */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  options: Options,
): Setting[] {
  const settings: Setting[] = [];
  for (const prefix of ['TETRAGON_', 'JATAI_']) {
    for (const [variable, text] of Object.entries(environment)) {
      if (!variable.startsWith(prefix) || text === undefined) continue;
      const rest = variable.slice(prefix.length);
      const name = rest.toLowerCase().replaceAll('_', '-');
      const known = findOption(options, name) !== undefined;
      if (!known && (prefix === 'TETRAGON_' || serviceVariable.test(rest))) continue;
      settings.push({ name, text, source: prefix, origin: variable });
    }
  }
  return settings;
}

import { findOption, type Options } from './option.ts';
import type { Setting, SettingProblem } from './setting.ts';

export interface CommandLine {
  readonly settings: readonly Setting[];
  readonly operands: readonly string[];
  readonly problems: readonly SettingProblem[];
}

/**
 * Reads arguments as Tetragon's users write them: `--name value`, `--name=value`, `-n value`; a switch is `--name` or
 * `--name=false`. Names that are no option come back as settings, for the one who knows all names to judge.
 */
export function parseCommandLine(args: readonly string[], options: Options): CommandLine {
  const settings: Setting[] = [];
  const operands: string[] = [];
  const problems: SettingProblem[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === '--') {
      operands.push(...args.slice(at + 1));
      break;
    }
    if (!/^-./.test(arg)) {
      operands.push(arg);
      continue;
    }
    const [dashed, ...values] = arg.split('=');
    const origin = dashed!;
    const name = origin.replace(/^--?/, '');
    const known = findOption(options, name);
    if (values.length > 0) {
      settings.push({ name, source, origin, text: values.join('=') });
    } else if (known !== undefined && options[known]!.type.isSwitch) {
      settings.push({ name, source, origin, text: 'true' });
    } else if (known !== undefined && at + 1 >= args.length) {
      problems.push({
        origin,
        message: 'a value is missing',
        hint: `Write ${origin} ${options[known]!.type.placeholder}.`,
      });
    } else {
      /* What follows an unknown name may be its value; else it is a switch. */
      const hasValue = known !== undefined || /^[^-]/.test(args[at + 1] ?? '');
      settings.push({ name, source, origin, text: hasValue ? args[++at]! : 'true' });
    }
  }
  return { settings, operands, problems };
}

const source = 'command line';

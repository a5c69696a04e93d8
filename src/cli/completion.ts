import { parseArgs } from 'node:util';
import { commands } from './commands.ts';
import { UsageError } from './errors.ts';

export const completionUsage = `Usage: jatai completion bash|zsh|fish

Prints a script that completes commands and options.

Examples:
  source <(jatai completion bash)
  jatai completion fish > ~/.config/fish/completions/jatai.fish
`;

/** `jatai completion`: returns the exit status. */
export async function completionCommand(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [shell, ...rest] = positionals;
  const print = Object.hasOwn(shells, shell ?? '') ? shells[shell as keyof typeof shells] : undefined;
  if (print === undefined || rest.length > 0) throw new UsageError('Name one shell: bash, zsh or fish');
  process.stdout.write(print(await describeCommands()));
  return 0;
}

interface DescribedCommand {
  /** `events`, `policy add` */
  readonly name: string;
  readonly summary: string;
  /** As the usage text has them, long ones and those of one letter. */
  readonly options: readonly string[];
}

async function describeCommands(): Promise<DescribedCommand[]> {
  const described = Object.entries(commands).map(async ([name, { summary, load }]) => {
    const { usage } = await load();
    const options = usage.match(/(?<=^|[\s,[|])--?[a-z][a-z-]*(?![\w/])/gim) ?? [];
    return { name, summary, options: [...new Set([...options, '--help'])].sort() };
  });
  return Promise.all(described);
}

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** First words, and by first word the second ones. */
function groupsOf(described: readonly DescribedCommand[]): Map<string, string[]> {
  const groups = new Map<string, string[]>([['help', []]]);
  for (const { name } of described) {
    const [first = '', second] = name.split(' ');
    const seconds = groups.get(first) ?? [];
    groups.set(first, second === undefined ? seconds : [...seconds, second]);
  }
  return groups;
}

function bashScript(described: readonly DescribedCommand[]): string {
  const groups = groupsOf(described);
  const seconds = [...groups].filter(([, words]) => words.length > 0);
  return `_jatai() {
	local current=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]:-} words=
	case $command in
${seconds.map(([first]) => `	${first})\n		[ "$COMP_CWORD" -gt 2 ] && command="$command \${COMP_WORDS[2]}" ;;`).join('\n')}
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='${[...groups.keys()].join(' ')}'
	else
		case $command in
${seconds.map(([first, words]) => `		${first}) words='${words.join(' ')}' ;;`).join('\n')}
${described.map(({ name, options }) => `		'${name}') words='${options.join(' ')}' ;;`).join('\n')}
		esac
	fi
	case $words:$current in
	*--*:[!-]*) ;;
	*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
	esac
}
complete -o default -F _jatai jatai
`;
}

function zshScript(described: readonly DescribedCommand[]): string {
  return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(described)}`;
}

function fishScript(described: readonly DescribedCommand[]): string {
  const lines = [...groupsOf(described)].map(([first]) => {
    const summary = described.find(({ name }) => name === first)?.summary ?? '';
    return `complete -c jatai -n __fish_use_subcommand -a ${first} -d '${summary}'`;
  });
  for (const { name, summary, options } of described) {
    const [first, second] = name.split(' ');
    let seen = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined) {
      lines.push(`complete -c jatai -n '${seen}' -a ${second} -d '${summary}'`);
      seen += `; and __fish_seen_subcommand_from ${second}`;
    }
    for (const option of options) {
      const flag = option.startsWith('--') ? `-l ${option.slice(2)}` : `-s ${option.slice(1)}`;
      lines.push(`complete -c jatai -n '${seen}' ${flag}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

import { suggest } from '../policy/suggest.ts';
import { type Command, commands } from './commands.ts';
import { InputError, systemReason, UsageError } from './errors.ts';
import { explainFailure } from './explain-failure.ts';
import { holdHangUps } from './run/hang-ups.ts';
import { showSourcePositions } from './source-positions.ts';
import { readVersion } from './version.ts';

const usage = `Usage: jatai COMMAND [options]

Linux runtime security engine: tracing policies compiled to one eBPF program per kernel hook.

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}`)
  .join('\n')}
  ${'help [COMMAND]'.padEnd(16)} this text, or that of a command

Exit status: 0 done, 1 a policy or the system stood in the way, 2 wrong use of the command line, 70 a bug in jatai.
`;

/* Whoever reads our output may go away early, as head does: that is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  const { text, status } = explainFailure(new InputError(`standard output: ${systemReason(error)}`), [], undefined);
  process.stderr.write(text);
  process.exit(status);
});
/* Nobody is left to be told. */
process.stderr.on('error', () => {});

const [name] = process.argv.slice(2);
/* Before the modules of the agent are loaded: that takes a while. */
if (name === 'run') holdHangUps();
showSourcePositions();
process.exitCode = await main(process.argv.slice(2));
/* An agent has written what it could: what exporters of metrics and traces still try is no reason to stay. */
if (name === 'run') {
  await printed();
  process.exit();
}

async function main(args: string[]): Promise<number> {
  let commandUsage: string | undefined;
  try {
    const invocation = parseInvocation(args);
    if (invocation === undefined) return 0;
    const { name, rest } = invocation;
    const command = await commands[name]!.load();
    commandUsage = command.usage;
    return await start(command, rest);
  } catch (error) {
    const { text, status } = explainFailure(error, args, commandUsage);
    process.stderr.write(text);
    /* What was opened before the failure is no reason to stay, what was printed is. */
    await printed();
    process.exit(status);
  }
}

/** Resolves when standard output has taken everything, or nobody reads it any more. */
async function printed(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.stdout.write('', () => resolve());
  await promise;
}

async function start(command: Command, args: string[]): Promise<number> {
  const beforeOperands = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (!beforeOperands.includes('--help') && !beforeOperands.includes('-h')) return command.run(args);
  process.stdout.write(command.usage);
  return 0;
}

interface Invocation {
  /** Key of `commands`. */
  readonly name: string;
  readonly rest: string[];
}

/** What to run; undefined when everything asked for was printed already. Throws a UsageError. */
function parseInvocation(args: string[]): Invocation | undefined {
  const [first, second] = args;
  if (first === undefined) throw new UsageError(`A command is missing\n\n${usage.trimEnd()}`);
  if (first === '--version' || first === '-V') {
    process.stdout.write(`jatai ${readVersion()}\n`);
    return undefined;
  }
  if (first === 'help' || first === '--help' || first === '-h') {
    const words = args.slice(1).filter((word) => !word.startsWith('-'));
    if (words.length > 0) return parseInvocation([...words, '--help']);
    process.stdout.write(usage);
    return undefined;
  }
  if (Object.hasOwn(commands, first)) return { name: first, rest: args.slice(1) };
  const pair = `${first} ${second}`;
  if (Object.hasOwn(commands, pair)) return { name: pair, rest: args.slice(2) };
  return parseGroup(first, second);
}

/** `policy` alone, with a wrong second word, or no command at all. */
function parseGroup(first: string, second: string | undefined): undefined {
  const members = Object.entries(commands).filter(([name]) => name.startsWith(`${first} `));
  if (members.length === 0) {
    const words = Object.keys(commands).map((name) => name.split(' ')[0]!);
    throw new UsageError(withHint(`Unknown command "${first}"`, suggest(first, [...words, 'help'])));
  }
  const lines = members.map(([name, { summary }]) => `  jatai ${name.padEnd(16)} ${summary}`);
  const list = `${lines.join('\n')}\n`;
  if (second === '--help' || second === '-h') {
    process.stdout.write(`Usage: jatai ${first} COMMAND ...\n\n${list}`);
    return undefined;
  }
  if (second === undefined || second.startsWith('-')) {
    throw new UsageError(`jatai ${first} needs a second word:\n\n${list.trimEnd()}`);
  }
  const seconds = members.map(([name]) => name.slice(first.length + 1));
  throw new UsageError(withHint(`Unknown command "${first} ${second}"`, suggest(second, seconds)));
}

function withHint(message: string, hint: string): string {
  return hint === '' ? message : `${message}. ${hint}`;
}

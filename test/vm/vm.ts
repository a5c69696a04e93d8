import { parseArgs } from 'node:util';
import { kernelSeries } from './kernel-image.ts';
import { consoleTail, runInVm, type VmOptions, vmFailureStatus } from './run-in-vm.ts';

const usage = `Usage: vm.ts [options] [--] [COMMAND...]

Runs COMMAND (a shell command line when it is one word) on another kernel in QEMU, in this checkout and with this
machine's files; exits with its status, 124 after a timeout, 125 when the guest failed. Without COMMAND and with a
terminal it gives a shell. What the command writes below /run/jatai-out is kept in --out; all other changes are lost.

  --kernel SERIES   ${kernelSeries.join(', ')} (KERNEL; default 6.12)
  --out DIR         host folder seen as /run/jatai-out (OUT)
  --cpus N          guest CPUs, default 2 (CPUS)
  --memory MB       guest memory, default 2048 (MEM)
  --append WORDS    more kernel command line (APPEND)
  --icount          count instructions instead of time, one CPU (ICOUNT=1)
  --timeout SEC     end the guest after this, default 900, a shell has no limit (TIMEOUT)
  --terminal        give COMMAND this terminal (TERMINAL=1)
  --console         show the guest's console on standard error (CONSOLE=1)
  --init systemd    run systemd as process 1, with its basic target (INIT)
  --env NAME=VALUE  set a variable for COMMAND; may be repeated
`;

// The longest a timer can be set to, 2^31 - 1 milliseconds: 24 days.
const unlimitedSec = 2_147_483;
const usageStatus = 2;

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`vm: ${error.message}\n`);
  return usageStatus;
});

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kernel: { type: 'string', default: setting('KERNEL') ?? '6.12' },
      out: { type: 'string', default: setting('OUT') ?? '' },
      cpus: { type: 'string', default: setting('CPUS') ?? '2' },
      memory: { type: 'string', default: setting('MEM') ?? '2048' },
      append: { type: 'string', default: setting('APPEND') ?? '' },
      icount: { type: 'boolean', default: setting('ICOUNT') === '1' },
      timeout: { type: 'string', default: setting('TIMEOUT') ?? '' },
      terminal: { type: 'boolean', default: setting('TERMINAL') === '1' },
      console: { type: 'boolean', default: setting('CONSOLE') === '1' },
      init: { type: 'string', default: setting('INIT') ?? '' },
      env: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const words = positionals.length > 0 ? positionals : [setting('CMD') ?? ''].filter(Boolean);
  const shell = words.length === 0;
  const terminal = values.terminal || shell;
  if (terminal && !(process.stdin.isTTY && process.stdout.isTTY)) {
    process.stderr.write(shell ? `vm: no command, and no terminal for a shell\n\n${usage}` : 'vm: no terminal here\n');
    return usageStatus;
  }
  const options: VmOptions = {
    kernel: values.kernel,
    command: shell ? 'exec bash -i' : words.length === 1 ? words[0]! : words,
    cpus: positiveNumber('--cpus', values.cpus),
    memoryMegabytes: positiveNumber('--memory', values.memory),
    timeoutSec: values.timeout ? positiveNumber('--timeout', values.timeout) : terminal ? unlimitedSec : 900,
    icount: values.icount,
    init: oneOfInits(values.init),
    append: values.append,
    terminal,
    signal: interruptSignal(),
    env: Object.fromEntries(values.env.map(parseVariable)),
    onStdout: (chunk) => process.stdout.write(chunk),
    onStderr: (chunk) => process.stderr.write(chunk),
    onProgress: (message) => process.stderr.write(`vm: ${message}\n`),
    ...(values.out ? { outDir: values.out } : {}),
    ...(values.console ? { onConsole: (chunk: Buffer) => process.stderr.write(chunk) } : {}),
  };
  const { status, failure, console: guestConsole } = await runInVm(options);
  if (failure !== undefined) {
    if (status === vmFailureStatus && !values.console) process.stderr.write(`${consoleTail(guestConsole)}\n`);
    process.stderr.write(`vm: ${failure}\n`);
  }
  return status;
}

function oneOfInits(text: string): 'systemd' | undefined {
  if (text === '') return undefined;
  if (text === 'systemd') return text;
  throw new Error(`--init ${text}: only systemd can be process 1`);
}

/** Lets an interrupted run clean up behind itself. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

/** A variable of the environment, where make passes every setting, often empty. */
function setting(name: string): string | undefined {
  return process.env[name] || undefined;
}

function positiveNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`${option} wants a positive whole number, not "${text}"`);
}

function parseVariable(text: string): [string, string] {
  const separator = text.indexOf('=');
  if (separator > 0) return [text.slice(0, separator), text.slice(separator + 1)];
  throw new Error(`--env wants NAME=VALUE, not "${text}"`);
}

import { spawn } from 'node:child_process';

export interface CommandOutput {
  status: number;
  /** Standard output and standard error, each as text. */
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  /** Return a non-zero status to the caller instead of throwing. */
  allowFailure?: boolean;
}

// Administrative tools (depmod, dpkg helpers) are outside an ordinary user's PATH.
const environment = { ...process.env, LC_ALL: 'C.UTF-8', PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** Runs a program to its end and returns its output; throws with that output when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const child = spawn(program, args, { cwd: options.cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`cannot run ${program}: ${error.message}`)));
    child.once('close', (code) => resolve(code ?? 128));
  });
  if (status !== 0 && !options.allowFailure) {
    throw new Error(`${program} ${args.join(' ')} ended with status ${status}:\n${stderr || stdout}`);
  }
  return { status, stdout, stderr };
}

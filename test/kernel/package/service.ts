import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand } from '../../vm/run-command.ts';
import { type AgentEvent, parseEvent } from '../harness/event-log.ts';
import { startProgram } from '../harness/run-program.ts';

export const eventFile = '/var/log/jatai/events.json';
const pollMs = 200;
/** Emulated, on a machine that does other things too. */
const eventTimeoutMs = 180_000;

/** A property of the unit, as `systemctl show` prints it. */
export async function unitProperty(name: string): Promise<string> {
  return (await runCommand('systemctl', ['show', '-P', name, 'jatai.service'])).stdout.trim();
}

/** Standard output of a command of the installed program. Throws with its output when it fails. */
export async function jatai(...args: string[]): Promise<string> {
  return (await runCommand('/usr/bin/jatai', args)).stdout;
}

/** Names of the policies that `jatai policy list` shows as enabled, sorted. */
export async function enabledPolicies(): Promise<string[]> {
  const list = JSON.parse(await jatai('policy', 'list', '-o', 'json')) as {
    policies: { name: string; state: string }[];
  };
  return list.policies
    .filter(({ state }) => /enabled/i.test(state))
    .map(({ name }) => name)
    .sort();
}

/** Runs /bin/true with this argument, which its exec event has, and waits for its end. */
export async function leaveMark(mark: string): Promise<void> {
  const { status } = await startProgram(['/bin/true', mark]).done;
  assert.equal(status, 0);
}

/** The exec event of the mark, as soon as the file has it. */
export async function awaitMark(mark: string, file = eventFile): Promise<AgentEvent> {
  return awaitEvent(`an exec event of ${mark}`, ({ process_exec: exec }) => exec?.process.arguments === mark, file);
}

/** The first event in the file that is like this, as soon as it is there. */
export async function awaitEvent(
  what: string,
  isIt: (event: AgentEvent) => boolean,
  file = eventFile,
): Promise<AgentEvent> {
  return awaitValue(what, () => readEvents(file).find(isIt));
}

/** Polls until there is a value. Throws after three minutes. */
export async function awaitValue<Value>(what: string, find: () => Value | undefined): Promise<Value> {
  const deadline = Date.now() + eventTimeoutMs;
  for (;;) {
    const value = find();
    if (value !== undefined) return value;
    assert.ok(Date.now() < deadline, `${what} did not come within ${eventTimeoutMs / 1000} s`);
    await sleep(pollMs);
  }
}

/** Complete lines of the event file; none while there is no file. */
export function readEvents(file = eventFile): AgentEvent[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map(parseEvent);
}

/** A line of /proc/PID/task/TID/status, for each thread. */
export function threadStatus(pid: string, name: string): Map<string, string> {
  const line = new RegExp(`^${name}:\\s*(.*)$`, 'm');
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(threads.map((tid) => [tid, line.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))![1]!]));
}

import { readFileSync } from 'node:fs';
import path from 'node:path';

type Json = Readonly<Record<string, unknown>>;

/** An event that Tetragon wrote. */
export interface Sample {
  readonly title: string;
  readonly event: Json;
  /** Whether it was made with credentials and namespaces. */
  readonly run: 'full' | 'plain';
}

/** All events that Tetragon wrote, complete. */
export const samples: readonly Sample[] = readFileSync(new URL('samples.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line, index) => {
    const event = JSON.parse(line) as Json;
    const body = bodyOf(event);
    const words = [
      kindOf(event),
      body['policy_name'],
      body['function_name'] ?? body['event'],
      body['signal'],
      binaryOf(body),
    ];
    return {
      title: `${index + 1}: ${words.filter(Boolean).join(' ')}`,
      event,
      run: (body['process'] as Json)['cap'] === undefined ? 'plain' : 'full',
    };
  });

/** The first event of the same kind, hook and policy, of the program that stands for the one of the sample. */
export function twinOf(sample: Sample, events: readonly Json[]): Json | undefined {
  const wanted = identityOf(sample.event, true);
  return events.find((event) => identityOf(event, false) === wanted);
}

function identityOf(event: Json, isSample: boolean): string {
  const body = bodyOf(event);
  const hook = [kindOf(event), body['policy_name'], body['function_name'], body['event'], body['signal']];
  /* The file says which: to Tetragon what execve maps is mapped by the program that ran before. */
  const actor = kindOf(event) === 'process_loader' ? body['path'] : actorOf(body, isSample);
  return JSON.stringify([...hook, actor]);
}

/** Which program; of those that ran before the agent there are the first of all, and a shell. */
function actorOf(body: Json, isSample: boolean): string {
  const process = body['process'] as Json | undefined;
  const name = path.basename(binaryOf(body));
  const isOld = `${process?.['flags']}`.startsWith('procFS');
  if (isOld && process?.['pid'] === 0) return 'kernel';
  if (isOld && process?.['pid'] === 1) return 'init';
  if (isOld) return `old ${name === 'grep' ? 'bash' : name}`;
  return isSample ? (standIns[name] ?? name) : name;
}

/** The programs here that do what those of the samples did. */
const standIns: Readonly<Record<string, string>> = {
  opencheck: 'call',
  true_static: 'idle',
  tcpc: 'bash',
  bc: 'nproc',
  grep: 'cut',
};

function kindOf(event: Json): string {
  return Object.keys(event)[0] ?? '';
}

function bodyOf(event: Json): Json {
  return (event[kindOf(event)] ?? {}) as Json;
}

function binaryOf(body: Json): string {
  const binary = (body['process'] as Json | undefined)?.['binary'];
  return typeof binary === 'string' ? binary : '';
}

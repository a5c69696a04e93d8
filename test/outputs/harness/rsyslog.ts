import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runs } from './programs.ts';

/** Whether rsyslogd is installed; `.dockerenv` and the like need no init system, it runs as a child. */
export const hasRsyslog = runs('rsyslogd', '-v');

export interface RsyslogOptions {
  /** A folder of its own: configuration, the file of messages, sockets. */
  readonly folder: string;
  /** What it listens to, as lines of its configuration. */
  readonly inputs: string;
  /** How to see that it listens; a unix socket is ready when its file is there. */
  readonly listens: () => Promise<boolean>;
}

/** rsyslogd of Debian with a configuration of its own, which writes the text of each message as a line. */
export class Rsyslog {
  readonly file: string;
  readonly #options: RsyslogOptions;
  #process: ChildProcess | undefined;

  constructor(options: RsyslogOptions) {
    this.#options = options;
    this.file = join(options.folder, 'messages');
    const { folder, inputs } = options;
    writeFileSync(
      join(folder, 'rsyslog.conf'),
      `global(workDirectory="${folder}" maxMessageSize="512k" parser.escapeControlCharactersOnReceive="off")
${inputs}
template(name="whole" type="list") {
  property(name="pri") constant(value=" ") property(name="timereported" dateFormat="rfc3339") constant(value=" ")
  property(name="hostname") constant(value=" ") property(name="app-name") constant(value=" ")
  property(name="procid") constant(value=" ") property(name="msgid") constant(value=" ")
  property(name="structured-data") constant(value=" ") property(name="msg") constant(value="\\n")
}
action(type="omfile" file="${this.file}" template="whole")
`,
    );
    appendFileSync(this.file, '');
  }

  async start(): Promise<void> {
    const { folder, listens } = this.#options;
    const args = ['-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'pid')];
    this.#process = spawn('rsyslogd', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    for (let round = 0; round < 200; round++) {
      if (await listens()) return;
      await sleep(50);
    }
    throw new Error('rsyslogd does not listen');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }

  /** SIGSTOP and SIGCONT, for a receiver that hangs. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** What it has written, by field. */
  messages(): SyslogRecord[] {
    const lines = readFileSync(this.file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const [priority, time, host, application, processId, type, structured] = line.split(' ', 7);
      const head = [priority, time, host, application, processId, type].join(' ').length + 1;
      const text = structured!.startsWith('[') ? line.slice(line.indexOf('] ', head) + 2) : line.slice(head + 2);
      const data = structured === '-' ? '-' : line.slice(head, line.indexOf('] ', head) + 1);
      return { priority, time, host, application, processId, type, structured: data, text } as SyslogRecord;
    });
  }
}

export interface SyslogRecord {
  readonly priority: string;
  readonly time: string;
  readonly host: string;
  readonly application: string;
  readonly processId: string;
  readonly type: string;
  readonly structured: string;
  readonly text: string;
}

/** Whether something takes connections there. */
export function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

import { closeSync } from 'node:fs';
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM, sendto, socket } from './libc.ts';
import { unixAddress } from './unix-datagram.ts';

/** What systemd is told of a service of `Type=notify-reload` (sd_notify(3)). */
export type ServiceState = 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1' | `RELOADING=1\nMONOTONIC_USEC=${bigint}`;

/** The longest name of a unix socket. */
const nameBytes = 108;

/**
 * Speaks to the service manager that started this process, when there is one. The variables of its protocol are
 * taken out of the environment, so that no child speaks in our name.
 */
export class ServiceManager {
  readonly #address: Uint8Array | undefined;
  /** How often systemd wants a sign of life, in milliseconds: half the time after which it would act. */
  readonly watchdogIntervalMs: number | undefined;

  constructor(environment: NodeJS.ProcessEnv) {
    const path = environment['NOTIFY_SOCKET'] ?? '';
    const isForUs = (environment['WATCHDOG_PID'] ?? String(process.pid)) === String(process.pid);
    const watchdogUsec = Number(environment['WATCHDOG_USEC'] ?? 0);
    this.#address = /^[/@]/.test(path) && path.length < nameBytes ? unixAddress(path) : undefined;
    this.watchdogIntervalMs = isForUs && watchdogUsec > 0 ? watchdogUsec / 2000 : undefined;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  }

  /** Returns whether it was sent; a manager that does not listen is no error for a service. */
  notify(state: ServiceState, status?: string): boolean {
    if (this.#address === undefined) return false;
    const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const message = Buffer.from(status === undefined ? state : `${state}\nSTATUS=${status.replaceAll('\n', ' ')}`);
    const sent = sendto(fd, message, message.length, MSG_NOSIGNAL, this.#address, this.#address.length);
    closeSync(fd);
    return sent === message.length;
  }
}

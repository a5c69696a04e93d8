import type { Message, Severity } from '../destination.ts';

/** Facilities of RFC 5424 by their names in syslog.conf(5). */
export const facilities = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

export interface SyslogIdentity {
  /** Number from `facilities`. */
  readonly facility: number;
  readonly hostName: string;
  readonly appName: string;
  readonly processId: string;
  /** STRUCTURED-DATA as it is written, `-` for none. */
  readonly structuredData: string;
}

/** Makes messages of RFC 5424, without a frame: `<29>1 2026-11-20T04:59:45.048218Z node jatai 812 process_exec - {...}`. */
export function syslogFormatter(identity: SyslogIdentity): (message: Message) => Buffer {
  const { facility } = identity;
  const host = headerWord(identity.hostName, 255);
  const application = `${headerWord(identity.appName, 48)} ${headerWord(identity.processId, 128)}`;
  return ({ severity, timeNs, eventType, body }) => {
    const priority = facility * 8 + severityNumbers[severity];
    const type = headerWord(eventType, 32);
    const header = `<${priority}>1 ${timestamp(timeNs)} ${host} ${application} ${type} ${identity.structuredData} `;
    return Buffer.concat([Buffer.from(header, 'latin1'), body]);
  };
}

const severityNumbers: Readonly<Record<Severity, number>> = {
  critical: 2,
  high: 3,
  medium: 4,
  warning: 4,
  low: 5,
  info: 6,
};

/** With microseconds: the format takes no more. */
function timestamp(timeNs: bigint): string {
  const micros = timeNs / 1000n;
  const text = new Date(Number(micros / 1000n)).toISOString();
  return `${text.slice(0, -1)}${String(micros % 1000n).padStart(3, '0')}Z`;
}

/** Visible ASCII, of limited length; `-` for nothing. */
function headerWord(text: string, most: number): string {
  return text.replaceAll(/[^!-~]/g, '?').slice(0, most) || '-';
}

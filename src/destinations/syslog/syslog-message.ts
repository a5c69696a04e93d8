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
  let lastType = { name: '', word: '-' };
  return ({ severity, timeNs, eventType, body }) => {
    const priority = facility * 8 + severityNumbers[severity];
    if (eventType !== lastType.name) lastType = { name: eventType, word: headerWord(eventType, 32) };
    const header = `<${priority}>1 ${timestamp(timeNs)} ${host} ${application} ${lastType.word} ${identity.structuredData} `;
    const bytes = Buffer.allocUnsafe(header.length + body.length);
    bytes.write(header, 'latin1');
    bytes.set(body, header.length);
    return bytes;
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
  const micros = Number(timeNs / 1000n);
  const second = Math.floor(micros / 1e6);
  if (second !== lastSecond.second) lastSecond = { second, text: new Date(second * 1000).toISOString().slice(0, 20) };
  return `${lastSecond.text}${String(micros % 1e6).padStart(6, '0')}Z`;
}

/** Events come by the thousand in one second. `2026-11-20T04:59:45.` */
let lastSecond = { second: -1, text: '' };

/** Visible ASCII, of limited length; `-` for nothing. */
function headerWord(text: string, most: number): string {
  return text.replaceAll(/[^!-~]/g, '?').slice(0, most) || '-';
}

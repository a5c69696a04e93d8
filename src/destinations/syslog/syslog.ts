import { group, type KeyValues, optionalKey, required, scalar, withDefault } from '../../config/key-table.ts';
import {
  booleanType,
  choiceType,
  durationType,
  type OptionType,
  sizeType,
  textType,
} from '../../config/option-types.ts';
import {
  type Delivery,
  type Destination,
  type DestinationContext,
  DestinationError,
  deliveredAll,
  type Message,
} from '../destination.ts';
import type { DestinationType } from '../destination-type.ts';
import { tlsKeys } from '../tls-keys.ts';
import { UdpTransport, UnixDatagramTransport } from './datagram-transports.ts';
import { ResendWindow } from './resend-window.ts';
import { StreamTransport } from './stream-transport.ts';
import { parseSyslogAddress, type SyslogAddress, showSyslogAddress } from './syslog-address.ts';
import { facilities, syslogFormatter } from './syslog-message.ts';
import type { SyslogTransport } from './syslog-transport.ts';

const addressType: OptionType<SyslogAddress> = {
  placeholder: 'ADDRESS',
  parse: parseSyslogAddress,
  show: showSyslogAddress,
};

const keys = {
  address: required(scalar(addressType)),
  facility: withDefault(scalar(choiceType(Object.keys(facilities) as Facility[])), 'daemon'),
  appName: withDefault(scalar(textType('NAME')), 'jatai'),
  /** Adds `[origin software="jatai" swVersion="..."]`. */
  structuredData: withDefault(scalar(booleanType), false),
  /** By default octet counting for TCP and TLS, newlines for unix streams. */
  framing: optionalKey(scalar(choiceType(['octetCounting', 'newline']))),
  /** Larger events are refused and counted. */
  maxMessageSize: optionalKey(scalar(sizeType({ min: 480, max: 2 ** 26 }))),
  /** What was sent within this time before the receiver ended the connection is sent again. */
  resendWindow: withDefault(scalar(durationType), 5000),
  /** Bound of what is kept to be sent again. */
  resendBuffer: withDefault(scalar(sizeType({ max: 2 ** 30 })), 64 * 2 ** 20),
  tls: optionalKey(group(tlsKeys)),
} as const;

export type SyslogConfig = KeyValues<typeof keys>;

export const destinationType: DestinationType<SyslogConfig> = {
  keys,
  check: ({ address, tls, framing }, problem) => {
    if (address === undefined) return;
    if (tls !== undefined && address.transport !== 'tls')
      problem('tls', 'TLS is not used with this address', 'Write "address: tls://...".');
    if (framing !== undefined && (address.transport === 'udp' || address.transport === 'tls'))
      problem('framing', `There is no choice of frames with ${address.transport}://`, 'Remove it.');
  },
  open: async (config, context) => new SyslogDestination(config, context),
};

/** Sends each event as a message of RFC 5424. */
class SyslogDestination implements Destination {
  readonly name: string;
  readonly #format: (message: Message) => Buffer;
  readonly #config: SyslogConfig;
  readonly #report: (message: string) => void;
  readonly #window: ResendWindow;
  #transport: SyslogTransport;

  constructor(config: SyslogConfig, { nodeName, version, report }: DestinationContext) {
    this.name = `syslog ${showSyslogAddress(config.address)}`;
    this.#config = config;
    this.#report = report;
    this.#window = new ResendWindow(config.resendWindow, config.resendBuffer);
    this.#format = syslogFormatter({
      facility: facilities[config.facility],
      hostName: nodeName,
      appName: config.appName,
      processId: String(process.pid),
      structuredData: config.structuredData ? `[origin software="jatai" swVersion="${version}"]` : '-',
    });
    this.#transport = this.#newTransport();
  }

  async deliver(batch: readonly Message[], signal: AbortSignal): Promise<Delivery> {
    const limit = Math.min(this.#config.maxMessageSize ?? Number.POSITIVE_INFINITY, this.#transport.maxMessageBytes);
    const all = batch.map(this.#format);
    const messages = all.filter(({ length }) => length <= limit);
    try {
      if (messages.length > 0) await this.#send(messages, signal);
    } catch (error) {
      throw failureAmong(all, messages, error as Error);
    }
    const rejected = all.length - messages.length;
    return rejected === 0 ? deliveredAll : { rejected, reason: `longer than ${limit} bytes` };
  }

  async close(): Promise<void> {
    await this.#transport.close(AbortSignal.timeout(closeTimeoutMs));
  }

  async #send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    try {
      await this.#transport.send(messages, signal);
    } catch (error) {
      /* The unix socket is one of streams. */
      if ((error as NodeJS.ErrnoException).code !== 'EPROTOTYPE') throw error;
      this.#transport = this.#streamTransport('newline');
      await this.#transport.send(messages, signal);
    }
  }

  #newTransport(): SyslogTransport {
    const { address } = this.#config;
    switch (address.transport) {
      case 'unix':
        return new UnixDatagramTransport(address.path, this.#window);
      case 'udp':
        return new UdpTransport(address.host, address.port);
      case 'tcp':
      case 'tls':
        return this.#streamTransport('octetCounting');
      default:
        return address satisfies never;
    }
  }

  #streamTransport(usualFraming: 'octetCounting' | 'newline'): SyslogTransport {
    const { address, tls, framing = usualFraming } = this.#config;
    return new StreamTransport({ address, tls, framing, window: this.#window, report: this.#report });
  }
}

/** The failure to send `messages` as one of `all`, some of which were left out. */
function failureAmong(all: readonly Buffer[], messages: readonly Buffer[], error: Error): DestinationError {
  const sent = error instanceof DestinationError ? error.delivered : 0;
  const delivered = sent === 0 ? 0 : all.indexOf(messages[sent - 1]!) + 1;
  return new DestinationError(error.message, {
    retryable: true,
    delivered,
    rejected: delivered - sent,
    cause: error,
  });
}

const closeTimeoutMs = 1000;

type Facility = keyof typeof facilities;

import type { EventContent } from '../event-content.ts';
import type { Event, ExitEvent, LoaderEvent, ProcessEvent, ThrottleEvent } from '../events.ts';
import { signalName } from '../names.ts';
import type { WallClock } from '../wall-clock.ts';
import { HookEncoder } from './hook-encoder.ts';
import { members } from './json-members.ts';
import { JsonWriter } from './json-writer.ts';
import type { ProcessEncoder } from './process-encoder.ts';
import { ProcessWriter } from './process-writer.ts';

/**
 * Encodes events as Tetragon's JSON lines (protojson with the names of the proto files): fields in the order of the
 * messages, default values left out, 64-bit numbers as strings.
 */
export class EventEncoder {
  /** The last encoded line, newline included, is `writer.buffer[writer.start .. writer.length]`. */
  readonly writer = new JsonWriter();
  readonly #processes: ProcessWriter;
  readonly #hooks: HookEncoder;
  readonly #clock: WallClock;
  /** `},"node_name":"...","time":"`, with the cluster between them if there is one. */
  readonly #envelope: Buffer;

  constructor(encoder: ProcessEncoder, clock: WallClock, nodeName: string, content: EventContent = {}) {
    const cluster = members({ cluster_name: content.clusterName ?? '' });
    const envelope = Buffer.from(`},"node_name":${JSON.stringify(nodeName)}${cluster},"time":"`);
    const processes = new ProcessWriter(this.writer, encoder, content.ancestors);
    this.#hooks = new HookEncoder(this.writer, { processes, clock, envelope, content });
    this.#processes = processes;
    this.#clock = clock;
    this.#envelope = envelope;
  }

  /** Encodes an event into the writer's own buffer; `writer.start` is 0 afterwards. */
  encode(event: Event): void {
    this.writer.reset();
    this.#write(event);
  }

  /**
   * Encodes an event at `position` of a buffer that is lent for this. Returns the end of the line there, or undefined when
   * it did not fit: then it is where `encode` puts it.
   */
  encodeInto(event: Event, buffer: Buffer, view: DataView, position: number): number | undefined {
    const { writer } = this;
    writer.borrow(buffer, view, position);
    this.#write(event);
    return writer.buffer === buffer ? writer.length : undefined;
  }

  #write(event: Event): void {
    const { writer } = this;
    switch (event.kind) {
      case 'exec':
        this.#writeProcesses(execStart, event);
        this.#processes.writeAncestors(event);
        break;
      case 'exit':
        this.#writeProcesses(exitStart, event);
        this.#writeExit(event);
        this.#processes.writeAncestors(event);
        break;
      case 'hook':
        this.#hooks.write(event);
        return;
      case 'loader':
        this.#writeLoader(event);
        this.#processes.writeAncestors(event);
        break;
      case 'throttle':
        this.#writeThrottle(event);
        break;
      case 'rateLimit':
        writer.ascii(`{"rate_limit_info":{"number_of_dropped_process_events":"${event.dropped}"`);
        break;
      default:
        event satisfies never;
    }
    writer.raw(this.#envelope);
    this.#clock.write(writer, event.ktimeLow, event.ktimeHigh);
    writer.raw(lineEnd);
  }

  #writeProcesses(start: Buffer, event: ProcessEvent): void {
    this.writer.raw(start);
    this.#processes.writeProcess(event.process, event.process.tgid);
    this.#processes.writeParent(event);
  }

  #writeExit(event: ExitEvent): void {
    const { writer } = this;
    const signal = signalName(event.signal);
    if (signal !== '') writer.ascii(`,"signal":"${signal}"`);
    if (event.status !== 0) {
      writer.ascii(',"status":');
      writer.uint(event.status);
    }
    writer.raw(exitTimeKey);
    this.#clock.write(writer, event.ktimeLow, event.ktimeHigh);
    writer.byte(QUOTE);
  }

  #writeLoader(event: LoaderEvent): void {
    const { writer } = this;
    const { process, path, buildId } = event;
    writer.raw(loaderStart);
    this.#processes.writeProcess(process, event.tid);
    if (path.end > path.start) {
      writer.ascii(',"path":');
      writer.string(path.bytes, path.start, path.end);
    }
    if (buildId.end > buildId.start) {
      writer.ascii(',"buildid":"');
      writer.base64(buildId.bytes, buildId.start, buildId.end);
      writer.byte(QUOTE);
    }
    this.#processes.writeParent(event);
  }

  #writeThrottle({ type, cgroup }: ThrottleEvent): void {
    const { writer } = this;
    writer.ascii(`{"process_throttle":{"type":"${type}","cgroup":`);
    writer.string(cgroup.bytes, cgroup.start, cgroup.end);
  }
}

const QUOTE = 0x22;
const execStart = Buffer.from('{"process_exec":{"process":');
const exitStart = Buffer.from('{"process_exit":{"process":');
const exitTimeKey = Buffer.from(',"time":"');
const loaderStart = Buffer.from('{"process_loader":{"process":');
const lineEnd = Buffer.from('"}\n');

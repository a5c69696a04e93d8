import { connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { loadApi, tetragonFiles } from '../../src/grpc/api-root.ts';
import { frame, frameHeaderBytes } from '../../src/grpc/framing.ts';

/*
 * A client of the event stream that only counts: flood-client.ts SOCKET [asleep]. Writes a line {"events", "told"} a few
 * times a second: events of the flood, and those that the stream said are missing. With `asleep` it reads nothing before
 * SIGUSR1. Messages are told apart by their first field, so that counting costs less than sending.
 */

const [socket = '', asleep] = process.argv.slice(2);
const reportIntervalMs = 100;
const windowBytes = 2 ** 24;
const tracepointField = 10;
const rateLimitField = 40_001;

const counts = { events: 0, told: 0, others: 0 };
/** Bytes of a message that has not come in full. */
let rest: Buffer = Buffer.alloc(0);

const session = connect('http://localhost', {
  createConnection: () => connectSocket({ path: socket }),
  settings: { initialWindowSize: asleep === undefined ? windowBytes : 2 ** 16 },
});
if (asleep === undefined) session.once('remoteSettings', () => session.setLocalWindowSize(windowBytes));
const stream = session.request({
  ':method': 'POST',
  ':path': '/tetragon.FineGuidanceSensors/GetEvents',
  'content-type': 'application/grpc',
  te: 'trailers',
});
stream.end(frame(request()));
stream.once('response', () => report());
if (asleep === undefined) stream.on('data', count);
else process.once('SIGUSR1', () => stream.on('data', count));
setInterval(report, reportIntervalMs);

/** Events of tracepoints, and what is said about missing ones. */
function request(): Uint8Array {
  const type = loadApi(tetragonFiles).lookupType('tetragon.GetEventsRequest');
  return type.encode(type.fromObject({ allow_list: [{ event_set: ['PROCESS_TRACEPOINT'] }] })).finish();
}

function report(): void {
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}

function count(piece: Buffer): void {
  const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
  let offset = 0;
  while (bytes.length - offset >= frameHeaderBytes) {
    const start = offset + frameHeaderBytes;
    const end = start + bytes.readUInt32BE(offset + 1);
    if (end > bytes.length) break;
    countMessage(bytes, start, end);
    offset = end;
  }
  rest = bytes.subarray(offset);
}

function countMessage(bytes: Buffer, start: number, end: number): void {
  const tag = varint(bytes, start);
  if (tag.value >>> 3 === tracepointField) counts.events++;
  else if (tag.value >>> 3 === rateLimitField) counts.told += droppedIn(bytes, varint(bytes, tag.end).end, end);
  else counts.others++;
}

/** `number_of_dropped_process_events` is the only field of its message. */
function droppedIn(bytes: Buffer, start: number, end: number): number {
  const tag = varint(bytes, start);
  if (start >= end || tag.value !== 1 << 3) throw new Error('a rate_limit_info without a number');
  return varint(bytes, tag.end).value;
}

function varint(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0;
  let factor = 1;
  let end = start;
  for (; bytes[end]! >= 0x80; end++, factor *= 128) value += (bytes[end]! & 0x7f) * factor;
  return { value: value + bytes[end]! * factor, end: end + 1 };
}

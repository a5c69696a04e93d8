/** Makes the line of JSON that tells a reader how many events are missing: Tetragon's `rate_limit_info`. */
export function jsonLossLine(nodeName: string, clusterName = ''): (droppedEvents: number) => Buffer {
  return (droppedEvents) => {
    const event = {
      rate_limit_info: { number_of_dropped_process_events: String(droppedEvents) },
      node_name: nodeName,
      ...(clusterName !== '' && { cluster_name: clusterName }),
      time: new Date().toISOString(),
    };
    return Buffer.from(`${JSON.stringify(event)}\n`);
  };
}

/** How many events a line of `jsonLossLine` says are missing; undefined for a line that is an event. */
export function missingEvents(line: Buffer): number | undefined {
  if (line.toString('latin1', 0, lossStart.length) !== lossStart) return undefined;
  return Number.parseInt(line.toString('latin1', lossStart.length, lossStart.length + longestNumber), 10);
}

const lossStart = '{"rate_limit_info":{"number_of_dropped_process_events":"';
const longestNumber = 16;

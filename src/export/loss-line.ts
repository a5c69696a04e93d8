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

import { describe, expect, test } from 'vitest';
import { BatchedOutput, type BatchSettings } from './batched-output.ts';
import { type Delivery, type Destination, DestinationError, deliveredAll, type Message } from './destination.ts';

describe('BatchedOutput', () => {
  test('delivers a batch when it is full, and the rest in time', async () => {
    const { output, delivered } = outputTo(() => deliveredAll, {
      batch: { maxEvents: 3, maxBytes: 1e6, maxDelay: 20 },
    });
    appendEvents(output, 1, 7);
    output.flush();
    await until(() => delivered().length === 7);
    expect(delivered()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(output.counters()).toMatchObject({ writtenLines: 7, waitingBytes: 0, failures: 0, retries: 0 });
  });

  test('a batch has no more bytes than asked for, but one event in any case', async () => {
    const sizes: number[] = [];
    const { output } = outputTo(
      (batch) => {
        sizes.push(batch.length);
        return deliveredAll;
      },
      { batch: { maxEvents: 100, maxBytes: 3 * sizeOfEvent, maxDelay: 1 } },
    );
    appendEvents(output, 10, 17);
    await closed(output);
    expect(sizes.slice(0, 2)).toEqual([3, 3]);
  });

  test('tries again until the receiver is back, in order and without a loss', async () => {
    let failures = 5;
    const reports: string[] = [];
    const { output, delivered } = outputTo(
      () => {
        if (failures-- > 0) throw new Error('connect ECONNREFUSED');
        return deliveredAll;
      },
      {},
      reports,
    );
    appendEvents(output, 1, 50);
    output.flush();
    await until(() => delivered().length === 50);
    expect(delivered()).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(output.counters()).toMatchObject({ writtenLines: 50, failures: 5, retries: 5 });
    expect(reports).toEqual([
      'test: cannot deliver (connect ECONNREFUSED); tried again, and events are kept meanwhile',
      'test: delivery works again',
    ]);
  });

  test('what the receiver took of a batch before it failed is not sent again', async () => {
    let failed = false;
    const { output, delivered } = outputTo((batch, take) => {
      if (failed) return deliveredAll;
      failed = true;
      take(batch.slice(0, 4));
      throw new DestinationError('half', { retryable: true, delivered: 4 });
    });
    appendEvents(output, 1, 10);
    await closed(output);
    expect(delivered()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(output.counters()).toMatchObject({ writtenLines: 10, retries: 1 });
  });

  test('what is refused for good is counted, and told with the next batch', async () => {
    let first = true;
    const { output, delivered, losses } = outputTo(() => {
      if (!first) return deliveredAll;
      first = false;
      throw new DestinationError('400', { retryable: false });
    });
    appendEvents(output, 1, 3);
    output.flush();
    await until(() => output.counters().droppedLines.rejected === 3);
    appendEvents(output, 4, 5);
    await closed(output);
    expect([delivered(), losses()]).toEqual([[4, 5], [3]]);
    expect(output.counters()).toMatchObject({ writtenLines: 3, notices: 1 });
  });

  test('what is refused last is told although nothing comes any more', async () => {
    let first = true;
    const { output, losses } = outputTo(() => {
      if (!first) return deliveredAll;
      first = false;
      throw new DestinationError('400', { retryable: false });
    });
    appendEvents(output, 1, 3);
    output.flush();
    await until(() => losses().length === 1);
    expect(losses()).toEqual([3]);
    await closed(output);
  });

  test('a gap that the receiver refuses to be told of is told when it takes something again', async () => {
    let refuses = true;
    let attempts = 0;
    const { output, delivered, losses } = outputTo(() => {
      attempts++;
      if (refuses) throw new DestinationError('400', { retryable: false });
      return deliveredAll;
    });
    for (let event = 10; event < 40; event += 10) {
      appendEvents(output, event, event + 9);
      output.flush();
      await until(() => output.counters().droppedLines.rejected === event);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    /* Each batch, and what tells of it once. */
    expect(attempts).toBe(6);
    refuses = false;
    appendEvents(output, 40, 40);
    await closed(output);
    expect([delivered(), losses()]).toEqual([[40], [30]]);
    expect(output.counters()).toMatchObject({ writtenLines: 2, notices: 1, droppedLines: { rejected: 30 } });
  });

  test('what was refused in front of a failure is counted when the rest is given up', async () => {
    const { output } = outputTo(
      () => {
        throw new DestinationError('half', { retryable: true, delivered: 2, rejected: 1 });
      },
      {},
      [],
      50,
    );
    appendEvents(output, 1, 4);
    await closed(output);
    const { writtenLines, droppedLines } = output.counters();
    expect({ writtenLines, rejected: droppedLines.rejected }).toEqual({ writtenLines: 2, rejected: 2 });
  });

  test('dropOldest: what a dropped line told of is told', async () => {
    let isDown = true;
    const { output, delivered, losses } = outputTo(
      () => {
        if (isDown) throw new Error('down');
        return deliveredAll;
      },
      { bufferSize: 20 * sizeOfEvent, onFull: 'dropOldest' },
    );
    output.appendNotice(Buffer.from('{"rate_limit_info":{"number_of_dropped_process_events":"70"}}\n'));
    appendEvents(output, 10, 59);
    isDown = false;
    await closed(output);
    expect(delivered().length + losses().reduce((sum, lost) => sum + lost, 0)).toBe(120);
    expect(output.counters().droppedLines.buffer_full).toBe(50 - delivered().length);
  });

  test('parts of a batch that are refused are counted, and reported', async () => {
    const reports: string[] = [];
    const { output } = outputTo((): Delivery => ({ rejected: 2, reason: 'too large' }), {}, reports);
    appendEvents(output, 1, 5);
    await closed(output);
    const { writtenLines, droppedLines, notices } = output.counters();
    expect({ writtenLines, droppedLines, notices }).toMatchObject({
      writtenLines: 3,
      droppedLines: { rejected: 2 },
      notices: 0,
    });
    expect(reports).toEqual(['test: 2 events were lost: the receiver refused them (too large)']);
  });

  test('gives a batch up when it is told to', async () => {
    const { output } = outputTo(
      () => {
        throw new Error('down');
      },
      { retry: { initialDelay: 1, maxDelay: 2, giveUpAfter: 10 } },
    );
    appendEvents(output, 1, 3);
    output.flush();
    await until(() => output.counters().droppedLines.gave_up === 3);
    /* So is what tells of it. */
    await until(() => output.counters().waitingBytes === 0);
  });

  test.each(['dropNewest', 'dropOldest'] as const)('%s: what is missing is told at its place', async (onFull) => {
    let isDown = true;
    const { output, delivered, losses, kinds } = outputTo(
      () => {
        if (isDown) throw new Error('down');
        return deliveredAll;
      },
      { bufferSize: 20 * sizeOfEvent, onFull, batch: { maxEvents: 4, maxBytes: 1e6, maxDelay: 1 } },
    );
    for (let event = 10; event < 60; event++) {
      appendEvents(output, event, event);
      output.flush();
    }
    expect(output.counters()).toMatchObject({ droppedLines: { buffer_full: 30 }, waitingBytes: 20 * sizeOfEvent });
    isDown = false;
    await until(() => losses().length === 1);
    appendEvents(output, 60, 61);
    await closed(output);
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const expected = onFull === 'dropNewest' ? range(10, 29) : [...range(10, 13), ...range(44, 59)];
    expect(delivered()).toEqual([...expected, 60, 61]);
    expect(losses()).toEqual([30]);
    expect(kinds().indexOf('rate_limit_info')).toBe(onFull === 'dropNewest' ? 20 : 4);
    const { writtenLines, notices, droppedLines } = output.counters();
    expect(writtenLines - notices + droppedLines.buffer_full).toBe(52);
  });

  test('close: gives up after its time, and counts what is left', async () => {
    const reports: string[] = [];
    const { output } = outputTo(
      () => {
        throw new Error('down');
      },
      {},
      reports,
      50,
    );
    appendEvents(output, 1, 9);
    await closed(output);
    appendEvents(output, 10, 10);
    expect(output.counters()).toMatchObject({ droppedLines: { closed: 10 }, writtenLines: 0, waitingBytes: 0 });
    expect(reports.at(-1)).toMatch(/^test: 9 events were lost: they were not taken in time at the end/);
  });

  test('close: does not wait for a delivery that hangs', async () => {
    const { output } = outputTo(() => new Promise(() => {}), {}, [], 20);
    appendEvents(output, 1, 9);
    await closed(output);
    expect(output.counters()).toMatchObject({ droppedLines: { closed: 9 } });
  });

  test('a delivery that takes too long is aborted and tried again', async () => {
    let hang = true;
    const { output, delivered } = outputTo(
      (_batch, _take, signal) => {
        if (!hang) return deliveredAll;
        hang = false;
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      },
      { timeout: 20 },
    );
    appendEvents(output, 1, 2);
    output.flush();
    await until(() => delivered().length === 2);
    expect(output.counters()).toMatchObject({ failures: 1, retries: 1 });
  });

  test('messages know their event', async () => {
    const seen: Message[] = [];
    const { output } = outputTo((batch) => {
      seen.push(...batch);
      return deliveredAll;
    });
    const lines = [
      '{"process_exec":{"process":{"exec_id":"YTox","pid":1}},"node_name":"n","time":"2026-11-20T04:59:45.048218521Z"}',
      '{"process_lsm":{"process":{"pid":1},"action":"KPROBE_ACTION_OVERRIDE"},"time":"2026-11-20T04:59:45Z","sequence":"1"}',
      '{"process_lsm":{"process":{"binary":"/x\\"severity\\":\\"high\\""},"severity":"critical"},"time":"?"}',
    ];
    for (const line of lines) output.append(Buffer.from(`${line}\n`), 0, line.length + 1);
    await closed(output);
    const [exec, refused, severe] = seen;
    expect(exec).toMatchObject({ eventType: 'process_exec', execId: 'YTox', severity: 'info' });
    expect(exec!.timeNs).toBe(1_795_150_785_048_218_521n);
    expect(String(exec!.body)).toBe(lines[0]);
    expect(refused).toMatchObject({ eventType: 'process_lsm', execId: '', severity: 'warning' });
    expect(refused!.timeNs).toBe(1_795_150_785_000_000_000n);
    expect(severe!.severity).toBe('critical');
    expect(Number(severe!.timeNs / 1_000_000n)).toBeGreaterThan(Date.now() - 60_000);
  });
});

type Deliver = (
  batch: readonly Message[],
  take: (messages: readonly Message[]) => void,
  signal: AbortSignal,
) => Delivery | Promise<Delivery>;

/** An output to a receiver in memory, which has what was delivered and what `deliver` takes. */
function outputTo(
  deliver: Deliver,
  change: Partial<BatchSettings> = {},
  reports: string[] = [],
  closeTimeoutMs = 2000,
) {
  const taken: Record<string, { n?: number; number_of_dropped_process_events?: string }>[] = [];
  const take = (messages: readonly Message[]): void => {
    for (const { body } of messages) taken.push(JSON.parse(body.toString()));
  };
  const destination: Destination = {
    name: 'memory',
    deliver: async (batch, signal) => {
      const delivery = await deliver(batch, take, signal);
      if (delivery.rejected === 0) take(batch);
      return delivery;
    },
    close: async () => {},
  };
  const settings: BatchSettings = {
    bufferSize: 1e6,
    onFull: 'dropNewest',
    batch: { maxEvents: 1000, maxBytes: 1e6, maxDelay: 1 },
    retry: { initialDelay: 1, maxDelay: 4, giveUpAfter: 0 },
    timeout: 10_000,
    ...change,
  };
  const output = new BatchedOutput(destination, {
    name: 'test',
    settings,
    lossLine: (lost) => Buffer.from(`{"rate_limit_info":{"number_of_dropped_process_events":"${lost}"}}\n`),
    report: (message) => reports.push(message),
    closeTimeoutMs,
  });
  return {
    output,
    kinds: () => taken.map((event) => Object.keys(event)[0]),
    delivered: () => taken.map((event) => event['process_exec']?.n).filter((n) => n !== undefined),
    losses: () =>
      taken
        .map((event) => event['rate_limit_info']?.number_of_dropped_process_events)
        .filter((text) => text !== undefined)
        .map(Number),
  };
}

/** Each of `sizeOfEvent` bytes when its number has two digits. */
function appendEvents(output: BatchedOutput, from: number, to: number): void {
  for (let n = from; n <= to; n++) {
    const line = Buffer.from(`xx${JSON.stringify({ process_exec: { n } })}\nyy`);
    output.append(line, 2, line.length - 2);
  }
}

const sizeOfEvent = '{"process_exec":{"n":10}}\n'.length;

async function closed(output: BatchedOutput): Promise<void> {
  output.close();
  await output.finished;
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; round < 1000 && !holds(); round++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).toBe(true);
}

import { describe, expect, test } from 'vitest';
import { cat, exec, opened, startPipeline } from './test-pipeline.ts';
import { hookOf, planOf, selectorOf } from './test-plan.ts';
import { dataBytes, exitBytes, forkBytes, returnBytes } from './test-record.ts';

describe('corrupt records', () => {
  const whole = [
    exec({ ...cat, argv: ['cat', 'x'] }),
    forkBytes({ ...cat, parentTgid: 1, parentKtime: 1n }),
    exitBytes({ ...cat, code: 0 }),
    opened({ callId: 9n }),
    returnBytes({ ...cat, callId: 9n, value: 0n }),
    dataBytes(cat, 0, Buffer.from('abc')),
  ];

  test('a record cut anywhere is an error, never an exception', () => {
    const { pipeline } = startPipeline();
    let cuts = 0;
    for (const record of whole) {
      for (let length = 0; length < record.length; length++) {
        const cut = Buffer.from(record.subarray(0, length));
        pipeline.handle(cut, 0, length);
        if (length >= 4) {
          cut.writeUInt32LE(length, 0);
          pipeline.handle(cut, 0, length);
        }
        cuts++;
      }
    }
    const { decodeErrors } = pipeline.counters();
    expect(decodeErrors.truncated + decodeErrors.inconsistent).toBeGreaterThanOrEqual(cuts);
  });

  test('random damage is never an exception and always valid JSON', () => {
    const { pipeline } = startPipeline();
    pipeline.addPlan(planOf(selectorOf(hookOf())));
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 20_000; round++) {
      const record = Buffer.from(whole[random(whole.length)]!);
      for (let damage = random(4); damage >= 0; damage--) record[random(record.length)] = random(256);
      pipeline.handle(record, 0, record.length);
    }
    pipeline.close();
    expect(pipeline.counters().records).toBe(20_000);
  });

  test('an unknown kind is counted', () => {
    const { pipeline, send } = startPipeline();
    const record = Buffer.from(whole[2]!);
    record.writeUInt16LE(99, 4);
    send(record);
    expect(pipeline.counters().decodeErrors.unknownKind).toBe(1);
  });
});

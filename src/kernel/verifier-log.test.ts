import { describe, expect, test } from 'vitest';
import { summariseVerifierLog } from './verifier-log.ts';

const STATISTICS =
  'processed 12 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1\n';

describe('summariseVerifierLog', () => {
  test('finds reason, instruction and position since Linux 6.10', () => {
    const log = `0: R1=ctx() R10=fp0
; - index: 0 @ policy.yaml:12
0: (79) r1 = *(u64 *)(r1 +0)          ; R1_w=scalar()
; operator: "Equal" @ policy.yaml:14
1: (79) r0 = *(u64 *)(r1 +0)
R1 invalid mem access 'scalar'
${STATISTICS}`;
    expect(summariseVerifierLog(log)).toEqual({
      reason: "R1 invalid mem access 'scalar'",
      line: { file: 'policy.yaml', line: 14, text: 'operator: "Equal"' },
      instruction: '1: (79) r0 = *(u64 *)(r1 +0)',
    });
  });

  test('finds the position by the text on older kernels', () => {
    const log = `Unrecognized arg#0 type PTR
; operator: "Equal"
0: (79) r1 = *(u64 *)(r1 +0)
1: R1_w=inv(id=0) R10=fp0
1: (79) r0 = *(u64 *)(r1 +0)
R1 invalid mem access 'inv'
${STATISTICS}`;
    const candidates = [
      { file: 'policy.yaml', line: 13, text: '- index: 0' },
      { file: 'policy.yaml', line: 14, text: '  operator: "Equal"' },
    ];
    expect(summariseVerifierLog(log, candidates).line).toEqual(candidates[1]);
    expect(summariseVerifierLog(log).line).toEqual({ file: '', line: 0, text: 'operator: "Equal"' });
  });

  test('gives refusals before the first instruction', () => {
    expect(summariseVerifierLog(`unreachable insn 4\n${STATISTICS}`)).toEqual({ reason: 'unreachable insn 4' });
    expect(summariseVerifierLog('func_info not found\n')).toEqual({ reason: 'func_info not found' });
    expect(summariseVerifierLog('')).toEqual({ reason: '' });
  });

  test('is not misled by states, branches and statistics', () => {
    const log = `; u64 x = 1; @ a.c:3
3: (15) if r0 == 0x0 goto pc+2
from 3 to 6: R0=0 R10=fp0
6: R0=0 R10=fp0
; return *value; @ a.c:9
6: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
verification time 66 usec
stack depth 8
${STATISTICS}`;
    expect(summariseVerifierLog(log)).toMatchObject({
      reason: "R0 invalid mem access 'map_value_or_null'",
      line: { file: 'a.c', line: 9 },
      instruction: '6: (79) r0 = *(u64 *)(r0 +0)',
    });
  });
});

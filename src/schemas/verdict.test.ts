import { expect, test } from 'vitest';
import { severityOf, techniquesOf, verdictOf } from './verdict.ts';

test.each([
  [{ action: 'KPROBE_ACTION_POST' }, 'observed'],
  [{ action: 'KPROBE_ACTION_OVERRIDE' }, 'prevented'],
  [{ action: 'KPROBE_ACTION_SIGNAL' }, 'interrupted'],
  [{ action: 'KPROBE_ACTION_POST', return_action: 'KPROBE_ACTION_SIGKILL' }, 'interrupted'],
  [{ action: 'KPROBE_ACTION_POST', monitor_action: 'KPROBE_ACTION_SIGKILL' }, 'would_have_prevented'],
  [{ action: 'KPROBE_ACTION_SIGKILL', verdict: 'prevented' }, 'prevented'],
  [{ action: 'KPROBE_ACTION_OVERRIDE', verdict: 'no such' }, 'prevented'],
  [{}, 'observed'],
])('%j is %s', (event, verdict) => {
  expect(verdictOf(event)).toBe(verdict);
});

test('the severity of the policy comes first, then that of the verdict', () => {
  expect(severityOf({ severity: 'critical' }, 'observed')).toBe('critical');
  expect(severityOf({}, 'observed')).toBe('info');
  expect(severityOf({}, 'prevented')).toBe('medium');
  expect(severityOf({ severity: 'hasOwnProperty' }, 'prevented')).toBe('medium');
});

test('techniques come from annotations and tags, each once', () => {
  const tags = ['mitre.T1071', 't1059.004', 'attack-T1071', 'PT1000', 'T10711', 'file'];
  expect(techniquesOf({ mitre_techniques: ['T1003', 'T1071'], tags })).toEqual(['T1003', 'T1071', 'T1059.004']);
  expect(techniquesOf({ tags: 'T1071' })).toEqual([]);
});

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { capabilitiesType, capabilityNeeds, describeNeeds, type Surroundings } from './capability-needs.ts';

const usual: Surroundings = {
  writtenPaths: ['/'],
  standardOutput: undefined,
  ports: [2112, 0],
  unmounted: [],
  restrictsPerfEvents: false,
  readsModuleTypes: false,
  wanted: [],
};

/** What is kept besides what every agent keeps. */
function kept(surroundings: Partial<Surroundings>): string[] {
  return describeNeeds(capabilityNeeds({ ...usual, ...surroundings }));
}

describe('capabilityNeeds', () => {
  test('is the same for every agent where nothing special is asked of it', () => {
    const numbers = capabilityNeeds(usual).flatMap(({ capabilities }) => capabilities);
    expect(capabilitiesType.show(numbers)).toBe('CAP_BPF,CAP_PERFMON,CAP_SYS_PTRACE,CAP_SYSLOG,CAP_DAC_READ_SEARCH');
    expect(kept({})).toEqual([]);
  });

  test('has what ports, kernels and operators ask for, with the reason', () => {
    expect(kept({ ports: [443] })).toEqual(['CAP_NET_BIND_SERVICE: it listens on port 443']);
    expect(kept({ unmounted: ['securityfs'] })).toEqual(['CAP_SYS_ADMIN: securityfs is read and not mounted']);
    expect(kept({ restrictsPerfEvents: true })).toEqual([
      'CAP_SYS_ADMIN: kernel.perf_event_paranoid is above 2 in this kernel',
    ]);
    expect(kept({ readsModuleTypes: true })).toEqual([
      'CAP_SYS_ADMIN: libbpf before 1.3 reads the types of kernel modules',
    ]);
    expect(kept({ wanted: capabilitiesType.parse('chown, CAP_KILL') })).toEqual([
      'CAP_CHOWN and CAP_KILL: --keep-capabilities',
    ]);
  });
});

const isRoot = process.geteuid?.() === 0;

describe.skipIf(!isRoot)(
  `files in folders of other users${isRoot ? '' : ' (skipped: giving files away needs root)'}`,
  () => {
    let folder: string;
    const stranger = 12_345;

    beforeEach(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'jatai-needs-'));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const overrides = (file: string) => [`CAP_DAC_OVERRIDE and CAP_FOWNER: ${file} or its folder is another user's`];

    test.each(['events.json', 'missing/folder/events.json'])('%s in one takes CAP_DAC_OVERRIDE', (name) => {
      const file = path.join(folder, name);
      expect(kept({ writtenPaths: [file] })).toEqual([]);
      chownSync(folder, stranger, stranger);
      expect(kept({ writtenPaths: ['/', file] })).toEqual(overrides(file));
      chmodSync(folder, 0o777);
      expect(kept({ writtenPaths: [file] })).toEqual([]);
    });

    test("another user's file in a folder of ours takes it too", () => {
      const file = path.join(folder, 'events.json');
      writeFileSync(file, '');
      chownSync(file, stranger, stranger);
      expect(kept({ writtenPaths: [file] })).toEqual(overrides(file));
    });

    test('a read-only folder of ours is no reason', () => {
      const inner = path.join(folder, 'inner');
      mkdirSync(inner, { mode: 0o500 });
      expect(kept({ writtenPaths: [path.join(inner, 'events.json')] })).toEqual([]);
    });
  },
);

test('a name that is no capability is refused', () => {
  expect(() => capabilitiesType.parse('CAP_FLY')).toThrow(
    'a list of capabilities such as CAP_NET_BIND_SERVICE, or all',
  );
  expect(capabilitiesType.parse('all')).toHaveLength(41);
});

/** Writes `wire.h` from `src/events/wire.ts`: `node scripts/generate-wire.ts OUTPUT`. Leaves an unchanged file alone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  COUNTERS,
  counters,
  type Field,
  limits,
  processFlags,
  recordFlags,
  recordKinds,
  type Struct,
  structs,
  valueStatus,
} from '../src/events/wire.ts';

const cTypes = { u8: '__u8', u16: '__u16', u32: '__u32', u64: '__u64', s32: '__s32', s64: '__s64', char: 'char' };

function defines(prefix: string, values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `#define ${prefix}${name} ${value}\n`)
    .join('');
}

function declareField(field: Field): string {
  const type = typeof field.type === 'string' ? cTypes[field.type] : `struct ${field.type.name}`;
  return `\t${type} ${field.name}${field.count > 1 ? `[${field.count}]` : ''};\n`;
}

function declareStruct(struct: Struct): string {
  return (
    `struct ${struct.name} {\n${struct.fields.map(declareField).join('')}};\n` +
    `_Static_assert(sizeof(struct ${struct.name}) == ${struct.size}, "${struct.name}");\n`
  );
}

function wireHeader(): string {
  return [
    '/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */',
    '/* Generated from src/events/wire.ts by scripts/generate-wire.ts. */',
    '#ifndef JATAI_WIRE_H\n#define JATAI_WIRE_H\n',
    defines('', limits) +
      defines('RECORD_', recordKinds) +
      defines('RECORD_FLAG_', recordFlags) +
      defines('PROCESS_', processFlags) +
      defines('VALUE_', valueStatus) +
      defines('COUNTER_', counters) +
      `#define COUNTERS ${COUNTERS}\n`,
    ...structs.map(declareStruct),
    '#endif',
    '',
  ].join('\n');
}

const output = process.argv[2];
if (output === undefined) throw new Error('usage: node scripts/generate-wire.ts OUTPUT');
const text = wireHeader();
if (!existsSync(output) || readFileSync(output, 'utf8') !== text) {
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, text);
}

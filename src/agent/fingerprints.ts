import { createHash } from 'node:crypto';
import { writeDispatcher } from '../compiler/dispatcher.ts';
import { counters, limits, recordKinds, structs } from '../events/wire.ts';
import type { SensorOptions } from './base-sensors.ts';
import { type SharedMapsOptions, sharedMapDefinitions } from './shared-maps.ts';

const digits = 16;

/** Equal for agents whose programs can work on the same maps and whose process sensors are the same. */
export function baseFingerprint(sensors: Uint8Array, options: SharedMapsOptions, sensorOptions: SensorOptions): string {
  const layout = {
    structs,
    limits,
    counters,
    recordKinds,
    maps: sharedMapDefinitions(options),
    options,
    sensorOptions,
  };
  return fingerprint(JSON.stringify(layout), sensors);
}

/** Equal for agents whose dispatchers are the same. */
export function hooksFingerprint(): string {
  return fingerprint(writeDispatcher('lsm/file_open', 'dispatcher'));
}

function fingerprint(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, digits);
}

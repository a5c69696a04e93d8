import { durationType } from '../../config/option-types.ts';
import type { RotatingFile } from '../../export/rotating-file.ts';
import type { EventLog } from '../../grpc/served-agent.ts';

const megabyte = 2 ** 20;
const largestFileMb = 2 ** 20;

/** Rotation of the event file as Tetragon's API has it: megabytes, and times as Go writes them. */
export function eventLogOf(file: RotatingFile): EventLog {
  return {
    get: () => {
      const { maxBytes, intervalMs, maxBackups } = file.rotation;
      return {
        max_size: Math.round(maxBytes / megabyte),
        rotation_interval: goDuration(intervalMs),
        max_backups: maxBackups,
      };
    },
    set: ({ max_size: size, rotation_interval: interval, max_backups: backups }) => {
      if (size !== undefined && !(size >= 1 && size <= largestFileMb))
        throw new Error(`max_size ${size} is not a number of megabytes from 1 to ${largestFileMb}`);
      if (backups !== undefined && backups < 0) throw new Error(`max_backups ${backups} is not a number of files`);
      file.setRotation({
        ...(size !== undefined && { maxBytes: size * megabyte }),
        ...(interval !== undefined && { intervalMs: parseInterval(interval) }),
        ...(backups !== undefined && { maxBackups: backups }),
      });
    },
  };
}

function parseInterval(text: string): number {
  try {
    return durationType.parse(text === '0s' ? '0' : text);
  } catch (error) {
    throw new Error(`rotation_interval "${text}" is not ${(error as Error).message}`);
  }
}

/** `1h30m0s`, `15s`, `0s` */
export function goDuration(ms: number): string {
  const seconds = (ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000) % 60;
  const hours = Math.floor(ms / 3_600_000);
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

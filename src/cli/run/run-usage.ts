import { configPaths } from '../../config/config-files.ts';
import { helpLines } from '../../config/help.ts';
import { runOptions } from './run-options.ts';

export const runUsage = `Usage: jatai run [--policy FILE|DIR]... [options]

Starts the agent and prints events until it is interrupted. Without policies it gives process events.
SIGHUP reads the policies again and switches to them without a gap, and so does a change of their files; it also opens
the files of events again.

${helpLines(runOptions)}

Options are also read from these places, later ones over earlier ones:
${configPaths.map((path) => `  ${path}`).join('\n')}
  --config-dir, then the environment: JATAI_RB_SIZE, or else TETRAGON_RB_SIZE, for --rb-size
`;

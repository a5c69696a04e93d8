import { join } from 'node:path';

/** The folder of `package.json`: two levels up, both from `src/cli/` and from the bundle in `build/js/`. */
export const packageRoot = join(import.meta.dirname, '..', '..');

import path from 'node:path';

/** Absolute path of the checkout this file belongs to. */
export const repositoryRoot = path.resolve(import.meta.dirname, '../..');

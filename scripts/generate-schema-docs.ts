/** Writes `docs/schemas.md` from the tables in `src/schemas/`: `node scripts/generate-schema-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { schemaDocument } from '../src/schemas/schema-document.ts';

const introduction = readFileSync(new URL('../src/schemas/schemas-introduction.md', import.meta.url), 'utf8');
writeFileSync(new URL('../docs/schemas.md', import.meta.url), schemaDocument(introduction));

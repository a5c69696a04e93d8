/**
 * For targets that are missed: what the instructions that remain are spent on, and why they cannot be avoided. By the id
 * of the row; shown below the table and in docs/benchmarks.md.
 */
export const floors: Readonly<Record<string, string>> = {};

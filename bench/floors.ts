/**
 * For targets that are missed: what the instructions that remain are spent on, and why they cannot be avoided. By the id
 * of the row; shown below the table and in docs/benchmarks.md.
 */
export const floors: Readonly<Record<string, string>> = {
  'events.agent-part':
    'A line is 1,700 bytes, two thirds of them the JSON of the process and of its parent. Appending it to a file on a tmpfs takes the ' +
    'kernel 4,880 instructions: 2,020 to copy it, where QEMU counts each byte of rep movs, 1,120 to add pages to the file, and 1,740 to ' +
    'clear them first, as this kernel does by default (init_on_alloc). The other 3,000 are the record, the process, the line in ' +
    'JavaScript, the thread that writes, and garbage collection.',
};

/**
 * For targets that are missed: what the instructions that remain are spent on, and why they cannot be avoided. By the id
 * of the row; shown below the table and in docs/benchmarks.md.
 */
export const floors: Readonly<Record<string, string>> = {
  'events.agent-part':
    'Not a floor yet. A line is 1,700 bytes, two thirds of them the JSON of the process and of its parent. Appending it to a file ' +
    'on a tmpfs takes the kernel 5,000 instructions in pieces of 64 KB: QEMU counts each byte that rep movs copies, then come the new ' +
    'pages. Copying it within the agent takes 1,700: 420 for each process, 800 for the line into the queue. The rest, about ' +
    '11,000, is JavaScript: decoding the record, finding the process, 20 pieces of the line, and garbage collection with its threads, ' +
    'which count here. Lines that are made in the queue they are written from would save a copy; 8,000 needs code that makes no ' +
    'objects for an event.',
};

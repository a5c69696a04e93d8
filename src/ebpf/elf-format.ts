/** Constants of 64-bit little-endian ELF and of its BPF flavour. */

export const elfMagic = 0x464c_457f;
export const elfHeaderBytes = 64;
export const sectionHeaderBytes = 64;
export const symbolBytes = 24;
export const relocationBytes = 16;
export const machineBpf = 247;
export const typeRelocatable = 1;

export const sectionType = { programBits: 1, symbolTable: 2, stringTable: 3, relocations: 9 } as const;

export const sectionFlag = { write: 0x1, allocate: 0x2, execute: 0x4, infoLink: 0x40 } as const;

export const symbolBinding = { local: 0, global: 1 } as const;

export const symbolType = { none: 0, object: 1, function: 2 } as const;

/** Address of a map or variable in a 64-bit immediate load. */
export const relocation64To64 = 1;
/** Distance of a call. */
export const relocation64To32 = 10;

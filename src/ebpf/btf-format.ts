/** Constants of BTF, the kernel's type format (Documentation/bpf/btf.rst). */

export const btfMagic = 0xeb9f;
export const btfVersion = 1;
export const btfHeaderBytes = 24;

export const btfKind = {
  void: 0,
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  variable: 14,
  dataSection: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

export const intSigned = 1;

/** Linkage of functions and variables. */
export const btfLinkage = { static: 0, global: 1, extern: 2 } as const;

/** 32-bit words of a type: name, info, size or type. */
export const typeHeaderWords = 3;

/** Words behind the header: a fixed number, and one per member times `vlen`. Indexed by kind. */
export const extraWords: readonly { readonly fixed: number; readonly each: number }[] = [
  { fixed: 0, each: 0 },
  { fixed: 1, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 3, each: 0 },
  { fixed: 0, each: 3 },
  { fixed: 0, each: 3 },
  { fixed: 0, each: 2 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 2 },
  { fixed: 1, each: 0 },
  { fixed: 0, each: 3 },
  { fixed: 0, each: 0 },
  { fixed: 1, each: 0 },
  { fixed: 0, each: 0 },
  { fixed: 0, each: 3 },
];

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The functions that compiled hook programs call. Linked into each of them; what a program does not call is not
 * loaded, so code for newer kernels may stand beside code for older ones. All parameters and results are __u64: the
 * compiler describes them by number only.
 *
 * guards.h            what refuses most calls before anything is claimed
 * frames.h            claim a scratch frame
 * read-values.h       arguments of the hooked function
 * read-typed-paths.h  paths of arguments that the verifier knows
 * process-values.h    the calling process
 * records.h           the event record, signals
 * returns.h           the return of a matched call
 */
#include <bpf/bpf_endian.h>
#include "frames.h"
#include "guards.h"
#include "process-values.h"
#include "read-typed-paths.h"
#include "read-values.h"
#include "records.h"
#include "returns.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/** What matters in a verifier log. */
export interface VerifierSummary {
  /** The verifier's last words: `R1 invalid mem access 'scalar'`. */
  readonly reason: string;
  /** The source line of the refused instruction; a policy's own line when the program was compiled from one. */
  readonly line?: SourceLine;
  /** The refused instruction as the verifier printed it: `12: (61) r1 = *(u32 *)(r1 +0)`. */
  readonly instruction?: string;
}

export interface SourceLine {
  /** Empty when the kernel did not print it and no candidate has the text. */
  readonly file: string;
  /** 0 when unknown. */
  readonly line: number;
  readonly text: string;
}

const INSTRUCTION = /^\d+: \([0-9a-f]{2}\) /;
const SOURCE_COMMENT = /^; (.*)$/;
/** Since Linux 6.10 the comment ends in ` @ file:line`. */
const SOURCE_POSITION = /^(.*?) @ (.+):(\d+)$/;

/** Lines that state, but give no reason: statistics, register states, jumps between states, call frames. */
const NOT_A_REASON =
  /^(processed \d+ insns|verification time|stack depth|max_states|total_states|insns processed|peak_states|mark_read|from \d+ to |caller:|callee:|frame\d+|last_idx|first_idx|regs=|parent |mark_precise|propagating|\d+: R\d|R\d+(_\w+)?=|; |func#\d+|\d+: safe$|arg#\d+ reference type|old state:|cur state:|reg type unsupported|hash of instruction)/;

/**
 * Reduces a verifier log to its reason, the instruction and the source line it came from. Kernels before 6.10 print only the
 * text of the line: the position is then that of the last of `candidates` with the same text.
 */
export function summariseVerifierLog(log: string, candidates: readonly SourceLine[] = []): VerifierSummary {
  const lines = log.split('\n').map((line) => line.trimEnd());
  const end = reasonIndex(lines);
  const instruction = lines.slice(0, end + 1).findLast((line) => INSTRUCTION.test(line));
  const comment = lastComment(lines, end);
  const line = comment === undefined ? undefined : sourceLine(comment, candidates);
  return {
    reason: lines[end]?.replace(/^;\s*/, '') ?? '',
    ...(line ? { line } : {}),
    ...(instruction ? { instruction: withoutRegisters(instruction) } : {}),
  };
}

function reasonIndex(lines: readonly string[]): number {
  return lines.findLastIndex((line) => line !== '' && !INSTRUCTION.test(line) && !NOT_A_REASON.test(line));
}

function lastComment(lines: readonly string[], end: number): string | undefined {
  const comment = lines.slice(0, Math.max(end, 0)).findLast((line) => SOURCE_COMMENT.test(line));
  return comment === undefined ? undefined : SOURCE_COMMENT.exec(comment)?.[1];
}

function sourceLine(comment: string, candidates: readonly SourceLine[]): SourceLine {
  const position = SOURCE_POSITION.exec(comment);
  if (position) {
    return { file: position[2]!, line: Number(position[3]), text: position[1]! };
  }
  return (
    candidates.findLast((candidate) => candidate.text.trim() === comment.trim()) ?? { file: '', line: 0, text: comment }
  );
}

/** Newer kernels append the registers after the instruction: `4: (b7) r0 = 0  ; R0_w=0`. */
function withoutRegisters(instruction: string): string {
  return instruction.replace(/\s+; .*$/, '');
}

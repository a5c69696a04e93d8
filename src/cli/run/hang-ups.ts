/**
 * SIGHUP asks an agent to read its policies again. By default it ends a process, and an agent is to survive one that comes
 * while it starts or stops: it is held until there is something to read again, and means nothing afterwards.
 */
let answer: (() => void) | undefined;
let isHeld = false;
let isListening = false;

/** From now on SIGHUP does not end this process. To be called as early as possible, and before `answerHangUps`. */
export function holdHangUps(): void {
  if (isListening) return;
  isListening = true;
  process.on('SIGHUP', () => {
    if (answer === undefined) isHeld = true;
    else answer();
  });
}

/** Calls `action` at every SIGHUP from now on, and at once when one was held. */
export function answerHangUps(action: () => void): void {
  answer = action;
  if (!isHeld) return;
  isHeld = false;
  action();
}

/** Nothing is read again any more. */
export function ignoreHangUps(): void {
  answer = () => {};
}

import { createRequire } from 'node:module';

/** The CEL package, loaded when the first expression is compiled: most agents have none. */
export function celLibrary(): typeof import('@marcbachmann/cel-js/evaluator') {
  return require('@marcbachmann/cel-js/evaluator');
}

const require = createRequire(import.meta.url);

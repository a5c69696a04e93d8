/** How an operator of `matchBinaries` compares. */
export function binaryMatch(operator: string): 'equal' | 'prefix' | 'postfix' {
  if (operator.endsWith('Prefix')) return 'prefix';
  return operator.endsWith('Postfix') ? 'postfix' : 'equal';
}

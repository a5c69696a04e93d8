/** A filter that cannot be used as it was written. The message names the option or request, the filter and the field. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
}

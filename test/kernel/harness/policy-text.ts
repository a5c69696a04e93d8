/** The YAML of a TracingPolicy with this `spec`, whatever its indentation is. */
export function tracingPolicy(name: string, spec: string): string {
  const lines = spec.replace(/^\n/, '').trimEnd().split('\n');
  const margin = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  const body = lines.map((line) => (line.trim() === '' ? '' : `  ${line.slice(margin)}`)).join('\n');
  return `apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: ${name}\nspec:\n${body}\n`;
}

/** A policy that reports the calls of getppid: of `program`, or of all. */
export function getppidPolicy(name: string, program?: string): string {
  const selectors = `
    selectors:
    - matchBinaries: [{operator: In, values: ["${program}"]}]`;
  return tracingPolicy(
    name,
    `
  tracepoints:
  - subsystem: syscalls
    event: sys_enter_getppid${program === undefined ? '' : selectors}`,
  );
}

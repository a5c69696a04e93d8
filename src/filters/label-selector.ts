import { FilterError } from './filter-error.ts';

/**
 * Checks a label selector as Kubernetes writes them: `app=web,tier in (front, back),!debug`. Throws a FilterError that
 * begins with `where`.
 */
export function checkLabelSelector(text: string, where: string): void {
  for (const requirement of splitRequirements(text)) {
    if (!requirementForms.some((form) => form.test(requirement)))
      throw new FilterError(`${where}: ${JSON.stringify(requirement)} is not a requirement of a label selector`);
  }
}

/** At the commas outside parentheses; an empty selector has none. */
function splitRequirements(text: string): string[] {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  return parts.length === 1 && parts[0] === '' ? [] : parts;
}

const key = '(?:[A-Za-z0-9][-A-Za-z0-9_./:]*)';
const value = '(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?';
const requirementForms = [
  new RegExp(`^!?\\s*${key}$`),
  new RegExp(`^${key}\\s*(?:=|==|!=)\\s*${value}$`),
  new RegExp(`^${key}\\s+(?:in|notin)\\s*\\(\\s*${value}(?:\\s*,\\s*${value})*\\s*\\)$`),
  new RegExp(`^${key}\\s*[<>]\\s*\\d+$`),
];

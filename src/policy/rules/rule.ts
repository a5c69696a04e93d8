import type { Report } from '../finding.ts';
import type { PolicyView } from '../policy-view.ts';

/** Checks one thing about a policy whose form the schema stage has checked. Reports, never throws. */
export type Rule = (policy: PolicyView, report: Report) => void;

import { describeHostKernel } from './harness/kernel-tests.ts';

describeHostKernel();

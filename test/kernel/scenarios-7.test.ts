import { describeGuestKernel } from './harness/kernel-tests.ts';

describeGuestKernel('7');

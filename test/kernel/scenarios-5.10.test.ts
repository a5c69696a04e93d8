import { describeGuestKernel } from './harness/kernel-tests.ts';

describeGuestKernel('5.10');

import { describeGuestKernel } from './harness/kernel-tests.ts';

describeGuestKernel('6.12', {
  title: 'BPF LSM not active',
  append: 'lsm=landlock,lockdown,capability',
  only: /Override/,
});

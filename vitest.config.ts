import { defineConfig } from 'vitest/config';

const everywhere = ['**/node_modules/**', 'build/**'];

/** Two projects: `unit` runs on this machine, `kernel` starts virtual machines and takes minutes. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'tracing-policies/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: [...everywhere, 'test/kernel/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          exclude: everywhere,
          // An emulated kernel boots in seconds but runs everything ten to thirty times slower.
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});

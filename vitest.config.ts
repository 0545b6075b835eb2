/**
 * Tests run on the same Node as the product; each file gets a process of its own, so that leaks show. Tests of slow
 * systems (`*.systems.test.ts`) are a mode of their own: `npm run test:systems`.
 */
import { configDefaults, defineConfig } from 'vitest/config';

const SLOW = 'test/**/*.systems.test.ts';

export default defineConfig(({ mode }) => ({
  test: {
    include: [mode === 'systems' ? SLOW : 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(mode === 'systems' ? [] : [SLOW])],
    pool: 'forks',
    // More than the cores of a small machine: much of a test is waiting for locks, deadlines and other programs, and
    // those of slow systems wait most.
    maxWorkers: mode === 'systems' ? 4 : 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/leaks.ts'],
    setupFiles: ['test/support/warnings.ts'],
    reporters: ['default'],
  },
}));

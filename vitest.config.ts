/** Tests run on the same Node as the product; each file gets a process of its own, so that leaks show. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: ['test/support/leaks.ts'],
    setupFiles: ['test/support/warnings.ts'],
    reporters: ['default'],
  },
});

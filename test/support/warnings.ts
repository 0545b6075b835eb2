/** A warning of Node in a test process (a leak of listeners, a deprecated call) fails that test file. */
import { setImmediate } from 'node:timers/promises';
import { afterAll } from 'vitest';

const warnings: string[] = [];

process.on('warning', (warning) => {
  warnings.push(`${warning.name}: ${warning.message}`);
});

afterAll(async () => {
  await setImmediate(); // Node announces a warning one tick after it arose.
  if (warnings.length > 0) throw new Error(`Node warned during this file:\n  ${warnings.join('\n  ')}`);
});

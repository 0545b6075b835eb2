/** A short storm in every test run; the long ones are  npm run chaos -- --runs 10000 . */
import { expect, test } from 'vitest';
import { BAD, chaos } from '#test/chaos/chaos.ts';
import { needs } from '#test/support/needs.ts';

test('a storm of kills, freezes, flushes and cut lines leaves every run ended, once and rightly, and the world right', async (context) => {
  needs(context, 'redis-server');
  // Told when it fails: the same seed makes the same choices again.
  const seed = Date.now() % 1_000_000;

  const result = await chaos({
    runs: 150,
    seed,
    minutes: 0.75,
    gap: { from: 500, to: 2_500 },
    disks: true,
    signal: new AbortController().signal,
    tell: () => undefined,
  });

  const told = result.findings.map(({ kind, service, run, text, story }) => {
    const lines = (story?.story ?? []).map((line) => `  ${line.at} ${line.text}`);
    return [`${kind} ${service} ${run ?? ''}: ${text}`, ...lines].join('\n');
  });
  expect(told.join('\n'), `npm run chaos -- --runs 150 --seed ${seed}`).toBe('');
  expect(Object.fromEntries(BAD.map((name) => [name, result[name]]))).toEqual(
    Object.fromEntries(BAD.map((name) => [name, 0])),
  );
  expect(result.runs).toBeGreaterThan(20);
}, 400_000);

/** A few of the hundred rounds of `npm run certify -- --docker 100`. */
import { afterEach, expect, test, vi } from 'vitest';
import { faultyRounds } from '#test/certify/rounds.ts';
import { needsCompose } from '#test/support/compose-lab.ts';

/** From the gate's verdict to healthy again. */
const BACK_MS = 60_000;

afterEach(() => vi.unstubAllEnvs());

test('whatever breaks in a bad update or in its way back, old image and old data are healthy again within a minute', async (context) => {
  needsCompose(context);
  const { signal } = new AbortController();

  const rounds = await faultyRounds({ rounds: 5, seed: 7, signal, setEnv: vi.stubEnv, tell: () => undefined });

  expect(rounds.flatMap(({ fault, problems }) => problems.map((problem) => `${fault}: ${problem}`))).toEqual([]);
  expect(rounds.filter(({ backMs }) => backMs === null || backMs > BACK_MS)).toEqual([]);
}, 900_000);

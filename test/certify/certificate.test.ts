/** The crash certificate: a part of it is tried out here, and the page is held to the workflows, steps and points that there are. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultPoints } from '#kernel/fault.ts';
import { certify, describe as told } from '#test/certify/certify.ts';
import { runLine } from '#test/certify/page.ts';
import { scenarios } from '#test/certify/scenarios.ts';
import { needs } from '#test/support/needs.ts';
import { root } from '#test/support/sources.ts';

/** Odd, so that the controller and the worker are both among the victims. */
const EVERY = 79;

const page = readFileSync(join(root, 'docs', 'crash-certificate.md'), 'utf8');
const sections = new Map(page.split(/^## /m).map((text) => [/^`(.*)`/.exec(text)?.[1] ?? '', text]));

test('whatever is killed at whatever point, a run ends with the one right status and leaves the world right', async (context) => {
  needs(context, 'redis-server', 'tar', 'zstd');

  const { undisturbed, outcomes, leaked } = await certify({
    scenarios: scenarios(),
    labs: 2,
    patienceMs: 60_000,
    every: EVERY,
    signal: new AbortController().signal,
    tell: () => undefined,
  });

  // Stale: other steps, or other points on the way, than those that were certified.  npm run certify  writes it anew.
  for (const run of undisturbed) {
    const text = sections.get(run.scenario) ?? '';
    const certified = [...text.matchAll(/^\| `([a-z.-]+)` \|.*\| \d+ of \d+ \|/gm)].map(([, point]) => point);
    expect(text).toContain(runLine(run));
    expect(new Set(certified)).toEqual(new Set(run.points));
  }
  const wrong = outcomes.filter(({ problems }) => problems.length > 0);
  expect(wrong.map((outcome) => `${told(outcome)}: ${outcome.problems.join('; ')}`)).toEqual([]);
  expect(leaked).toEqual([]);
  expect(outcomes.map(({ victim }) => victim)).toEqual(expect.arrayContaining(['controller', 'service']));
}, 300_000);

describe('the page of the certificate', () => {
  test.each(scenarios().map(({ name }) => name))('has a table for %s with every fault point', (name) => {
    const rows = [...(sections.get(name) ?? '').matchAll(/^\| `([a-z.-]+)` \|/gm)].map(([, point]) => point);

    expect(rows).toEqual(Object.keys(faultPoints));
  });

  test('says of no kill that it ended wrong', () => {
    const tallies = [...page.matchAll(/(\d+) of (\d+)/g)].filter(([, right, all]) => right !== all);

    expect(page).toMatch(/\d+ kills, 0 wrong, 0 processes left behind/);
    expect(tallies.map(([text]) => text)).toEqual([]);
  });
});

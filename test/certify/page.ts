/** The certificate as a page: a table for each workflow, a row for each point. */
import type { FaultPoint } from '#kernel/fault.ts';
import { faultPoints } from '#kernel/fault.ts';
import type { Certificate, Outcome, Undisturbed } from '#test/certify/certify.ts';

const HEAD = `# Crash certificate

Written by \`npm run certify\`; a test checks that no workflow, no step and no fault point is missing.

For every point that a run passes, and for every time that it passes it, the run is done again with real processes and a
real Redis, and a program is killed with SIGKILL at that very instant: the one that passes the point, or the other one
while the first is held there. After the restart the run must reach the one right terminal status, and the world must be
right: service up, content wholly old or wholly new, nothing left over, never two steps at work at once, and what may
happen only once happened once.

A cell says how many of the kills ended right. The exercise is a workflow for tests with undo steps, a bracket, branches
side by side and a step that may happen only once.
`;

export function certificatePage(certificate: Certificate): string {
  return `${HEAD}\n${summaryOf(certificate)}\n\n${sectionsOf(certificate).join('\n')}`;
}

/** Ends the line of what was tried out together when some sections were tried out later, and say so. */
const APART = ', without the sections that were tried out apart.';

/**
 * The page with the sections of this certificate in the place of those of before, or at its end. Each says what it took;
 * the line at the top speaks of the others alone, whose kills are counted anew.
 */
export function withSections(page: string, certificate: Certificate): string {
  const [, ...before] = page.split(/^(?=## )/m);
  const apart = certificate.undisturbed.map((run) => {
    const outcomes = certificate.outcomes.filter(({ scenario }) => scenario.name === run.scenario);
    return section(run, outcomes, `Tried out apart: ${summaryOf({ ...certificate, outcomes })}`);
  });
  const fresh = new Map(apart.map((text) => [titleOf(text), text]));
  const kept = before.map((text) => fresh.get(titleOf(text)) ?? text.trimEnd());
  const added = apart.filter((text) => before.every((one) => titleOf(one) !== titleOf(text)));
  const sections = [...kept, ...added].map((text) => `${text.trimEnd()}\n`);
  return `${HEAD}\n${togetherLine(page, sections)}\n\n${sections.join('\n')}`;
}

function togetherLine(page: string, sections: readonly string[]): string {
  const [, rest = ''] = /^\d+ kills, \d+ wrong, (\d+ processes left behind, in \d+ s)/m.exec(page) ?? [];
  const together = sections.filter((text) => !text.includes('\nTried out apart: '));
  const tallies = together.flatMap((text) => [...text.matchAll(/ (\d+) of (\d+) \|/g)]);
  const kills = tallies.reduce((sum, [, , all]) => sum + Number(all), 0);
  const right = tallies.reduce((sum, [, good]) => sum + Number(good), 0);
  return `${kills} kills, ${kills - right} wrong, ${rest}${APART}`;
}

function titleOf(section: string): string {
  return section.split('\n', 1).join('');
}

function sectionsOf({ undisturbed, outcomes }: Certificate): string[] {
  return undisturbed.map((run) =>
    section(
      run,
      outcomes.filter(({ scenario }) => scenario.name === run.scenario),
    ),
  );
}

function summaryOf({ outcomes, leaked, seconds }: Certificate): string {
  const wrong = outcomes.filter(({ problems }) => problems.length > 0).length;
  const kills = outcomes.filter(({ reached }) => reached).length;
  return `${kills} kills, ${wrong} wrong, ${leaked.length} processes left behind, in ${seconds} s.`;
}

/** The line by which a test sees that a workflow has other steps than those that were certified. */
export function runLine({ steps }: Undisturbed): string {
  return `A run of ${steps} steps.`;
}

function section(run: Undisturbed, outcomes: readonly Outcome[], apart?: string): string {
  const points = Object.keys(faultPoints) as FaultPoint[];
  const rows = points.flatMap((point) => {
    const here = outcomes.filter((outcome) => outcome.passage.point === point);
    if (here.length === 0) return [`| \`${point}\` | ${faultPoints[point]} | – | – | – |`];
    const longest = Math.max(...here.map(({ ms }) => ms));
    const cells = [true, false].map((itself) =>
      tally(here.filter(({ victim }) => (victim === 'controller') === itself)),
    );
    return [`| \`${point}\` | ${faultPoints[point]} | ${cells.join(' | ')} | ${(longest / 1000).toFixed(1)} s |`];
  });
  const title = `## \`${run.scenario}\`\n\n${runLine(run)}${apart === undefined ? '' : `\n\n${apart}`}`;
  const head = '| point | when | controller killed | worker killed | longest run |\n|---|---|---|---|---|';
  return `${title}\n\n${head}\n${rows.join('\n')}\n`;
}

function tally(outcomes: readonly Outcome[]): string {
  const reached = outcomes.filter((outcome) => outcome.reached);
  return `${reached.filter(({ problems }) => problems.length === 0).length} of ${reached.length}`;
}

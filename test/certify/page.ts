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

export function certificatePage({ undisturbed, outcomes, leaked, seconds }: Certificate): string {
  const wrong = outcomes.filter(({ problems }) => problems.length > 0);
  const sections = undisturbed.map((run) =>
    section(
      run,
      outcomes.filter(({ scenario }) => scenario.name === run.scenario),
    ),
  );
  const kills = outcomes.filter(({ reached }) => reached).length;
  const summary = `${kills} kills, ${wrong.length} wrong, ${leaked.length} processes left behind, in ${seconds} s.`;
  return `${HEAD}\n${summary}\n\n${sections.join('\n')}`;
}

/** The line by which a test sees that a workflow has other steps than those that were certified. */
export function runLine({ steps }: Undisturbed): string {
  return `A run of ${steps} steps.`;
}

function section(run: Undisturbed, outcomes: readonly Outcome[]): string {
  const points = Object.keys(faultPoints) as FaultPoint[];
  const rows = points.flatMap((point) => {
    const here = outcomes.filter((outcome) => outcome.passage.point === point);
    if (here.length === 0) return [`| \`${point}\` | ${faultPoints[point]} | – | – | – |`];
    const longest = Math.max(...here.map(({ ms }) => ms));
    const cells = (['controller', 'service'] as const).map((victim) =>
      tally(here.filter((one) => one.victim === victim)),
    );
    return [`| \`${point}\` | ${faultPoints[point]} | ${cells.join(' | ')} | ${(longest / 1000).toFixed(1)} s |`];
  });
  const title = `## \`${run.scenario}\`\n\n${runLine(run)}`;
  const head = '| point | when | controller killed | worker killed | longest run |\n|---|---|---|---|---|';
  return `${title}\n\n${head}\n${rows.join('\n')}\n`;
}

function tally(outcomes: readonly Outcome[]): string {
  const reached = outcomes.filter((outcome) => outcome.reached);
  return `${reached.filter(({ problems }) => problems.length === 0).length} of ${reached.length}`;
}

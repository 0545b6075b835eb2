/** The databases of any program: on this host, elsewhere, or in a container of this host's engine. */
import type { InputOf, OutputOf } from '#sdk/contract.ts';
import { type Configured, dumpAll, loadAll, matchedDumps } from '#sdk/databases/databases.ts';
import { leaveOut } from '#sdk/databases/files.ts';
import { endTry, reportOf, tryAll } from '#sdk/databases/scratch/try.ts';
import { toldDumps } from '#sdk/databases/told.ts';
import type { Source, service } from '#sdk/kinds/service.ts';
import type { GenericTools } from './config.ts';

type Actions = (typeof service)['actions'];

function configured({ config: { backup, socket } }: GenericTools): Configured {
  return {
    entries: backup.databases,
    container: async (name) => ({ name, id: name, socket }),
    file: (path) => path,
  };
}

/** The paths, without the files of SQLite databases: those come as dumps. */
export function sourcesOf({ config: { backup } }: GenericTools): Source[] {
  const files = backup.databases.flatMap((entry) => (entry.type === 'sqlite' ? [entry.path] : []));
  return leaveOut(
    backup.paths.map((path) => ({ path, exclude: backup.exclude })),
    files,
  );
}

export async function dump(
  tools: GenericTools,
  { directory, level, shareable = false }: InputOf<Actions['dump']>,
): Promise<OutputOf<Actions['dump']>> {
  const dumps = await dumpAll(tools, configured(tools), { directory, level, shareable, atRest: () => false });
  return { dumps, summary: toldDumps(dumps), warnings: [] };
}

export async function load(
  tools: GenericTools,
  { directory, dumps, check }: InputOf<Actions['load']>,
): Promise<OutputOf<Actions['load']>> {
  matchedDumps(configured(tools), dumps);
  if (check !== true) await loadAll(tools, configured(tools), { directory, dumps });
  return { summary: `${toldDumps(dumps)} back` };
}

export async function tryDumps(
  tools: GenericTools,
  wish: InputOf<Actions['tryDumps']>,
): Promise<OutputOf<Actions['tryDumps']>> {
  return reportOf(await tryAll(tools, configured(tools), wish));
}

export async function endTryDumps(
  tools: GenericTools,
  { trial }: InputOf<Actions['endTryDumps']>,
): Promise<OutputOf<Actions['endTryDumps']>> {
  const { backup, socket } = tools.config;
  await endTry(tools, { entries: backup.databases, socket }, trial);
  return { summary: 'nothing of it is left' };
}

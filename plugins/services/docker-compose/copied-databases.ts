/** The databases of a copy of a project: filled from the dumps of its set, before anything else of it is started. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import type { InputOf } from '#sdk/contract.ts';
import { loadAll, matchedDumps } from '#sdk/databases/databases.ts';
import { toldDumps } from '#sdk/databases/told.ts';
import type { service } from '#sdk/kinds/service.ts';
import type { ComposeTools } from './config.ts';
import { configured, fileOf, isOfCopy, startServers } from './databases.ts';
import type { ComposeProject } from './docker.ts';
import { unpackedPlace } from './isolate.ts';
import { projectNamed } from './project.ts';
import { resolvedBelow } from './resolve.ts';

type TrialInput = Pick<InputOf<(typeof service)['actions']['trial']>, 'root' | 'trees' | 'dumps' | 'dumpsAt'>;

/** Files that were captured at rest have their database already. @returns what came into it, in words. */
export async function fillCopy(tools: ComposeTools, place: ComposeProject, input: TrialInput): Promise<string[]> {
  const { dumps = [], dumpsAt: directory } = input;
  if (directory === undefined) return [];
  const matched = matchedDumps(configured(tools, { ...place, containers: [] }), dumps);
  const wanted = matched.filter(({ dump, entry }) => !dump.atRest && isOfCopy(entry));
  if (wanted.length === 0) return [];
  await startServers(tools, place, [...new Set(wanted.map(({ entry }) => entry))]);
  const around = configured(tools, await projectNamed(tools, place.name));
  const files = await placesOfFiles(tools, input);
  const moved = wanted.map(({ dump }) => ({ ...dump, name: files.get(dump.name) ?? dump.name }));
  const file = (path: string) => files.get(fileOf(tools, path)) ?? path;
  try {
    await loadAll(tools, { ...around, file }, { directory, dumps: moved });
  } catch (error) {
    tools.signal.throwIfAborted();
    throw ofTheCopy(error);
  }
  return [toldDumps(wanted.map(({ dump }) => dump))];
}

/** For each file of SQLite where the copy has it. */
async function placesOfFiles(
  tools: ComposeTools,
  places: Pick<TrialInput, 'root' | 'trees'>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of tools.config.backup.databases) {
    if (entry.type !== 'sqlite') continue;
    const living = fileOf(tools, entry.path);
    const path = await resolvedBelow(places, unpackedPlace(places, living));
    await mkdir(dirname(path), { recursive: true });
    found.set(living, path);
  }
  return found;
}

function ofTheCopy(error: unknown): unknown {
  if (!(error instanceof AutopilotError)) return error;
  return new AutopilotError('HA_DUMP_INVALID', `a dump cannot be loaded into the copy: ${error.message}`, {
    cause: error,
    next: 'a new server on a new host would say the same: have its image make what is missing, as by a script in /docker-entrypoint-initdb.d; or leave dumps out by  backup.drill.databases: false',
  });
}

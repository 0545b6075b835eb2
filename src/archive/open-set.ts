/** Finds a set to read from: in the staging directory, or at the first destination that has it. */
import { rm } from 'node:fs/promises';
import { FACTS, SEALED_FACTS } from '#archive/encryption/readable.ts';
import { readHeader } from '#archive/manifest.ts';
import { exists, stagingPlace } from '#archive/places.ts';
import { AutopilotError, errorFacts } from '#kernel/errors.ts';
import { destination } from '#sdk/kinds/destination.ts';
import type { Tools } from '#sdk/tools.ts';

export interface OpenSet {
  directory: string;
  /** The name of the destination, or null: it lies in staging. */
  from: string | null;
  /** Removes what was fetched for it. */
  release(): Promise<void>;
}

export interface WantedSet {
  set: string;
  service: string;
  /** Destinations, in the order in which they are asked. */
  from: readonly string[];
  /** The files of it that are wanted; all when left out. */
  parts?: string[];
}

/** @throws AutopilotError HA_NOT_FOUND, with what each destination said. */
export async function openSet(tools: Tools, { set, service, from, parts }: WantedSet): Promise<OpenSet> {
  const { sealed } = stagingPlace(tools.stateDir, set);
  if (await exists(sealed)) return { directory: sealed, from: null, release: async () => undefined };
  const reasons: string[] = [];
  for (const name of from) {
    try {
      return { ...(await openAt(tools, { set, service, parts }, name)), from: name };
    } catch (error) {
      tools.signal.throwIfAborted();
      reasons.push(`${name}: ${errorFacts(error).message}`);
    }
  }
  const tried = reasons.length === 0 ? '' : ` (${reasons.join('; ')})`;
  throw new AutopilotError('HA_NOT_FOUND', `the set ${set} is neither in staging nor at a destination${tried}`, {
    next: 'see which there are with  homelab-autopilot backups',
  });
}

/** What can be told of a set without its data. */
export async function openFacts(tools: Tools, wanted: Omit<WantedSet, 'parts'>): Promise<OpenSet> {
  return await factsBy((parts) => openSet(tools, { ...wanted, parts }));
}

/** The same of the copy at one destination. */
export async function openFactsAt(
  tools: Tools,
  which: { set: string; service: string },
  name: string,
): Promise<Omit<OpenSet, 'from'>> {
  return await factsBy(async (parts) => await openAt(tools, { ...which, parts }, name));
}

async function openAt(
  tools: Tools,
  wanted: { set: string; service: string; parts: string[] | undefined },
  name: string,
): Promise<Omit<OpenSet, 'from'>> {
  const { directory, temporary } = await tools.use(destination, name).open(wanted);
  return {
    directory,
    release: async () => (temporary ? await rm(directory, { recursive: true, force: true }) : undefined),
  };
}

/** A place is asked for what only encrypted sets have when this is one. */
async function factsBy<T extends Omit<OpenSet, 'from'>>(open: (parts: string[]) => Promise<T>): Promise<T> {
  const opened = await open([...FACTS]);
  try {
    if ((await readHeader(opened.directory)).encryption === null) return opened;
  } catch (error) {
    await opened.release();
    throw error;
  }
  await opened.release();
  return await open([...SEALED_FACTS]);
}

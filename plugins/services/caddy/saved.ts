/** The configuration that ran, in a file of its own: a part of each backup, and what a restart must not lose. */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '#kernel/errors.ts';
import type { CaddyTools } from './config.ts';

const FILE = 'running.json';

/** Where it lies. The folder goes into the backup sets. */
function savedFolder({ stateDir, name }: Pick<CaddyTools, 'stateDir' | 'name'>): string {
  return join(stateDir, 'caddy', encodeURIComponent(name));
}

export function savedFile(tools: Pick<CaddyTools, 'stateDir' | 'name'>): string {
  return join(savedFolder(tools), FILE);
}

/** It holds what the Caddyfile holds, so it is for its owner alone. On the disk before anything is changed. */
export async function saveRunning(tools: CaddyTools, text: string | undefined): Promise<void> {
  const folder = await makeFolder(tools);
  // What ran some other time must not pass for what runs now.
  if (text === undefined) return await rm(join(folder, FILE), { force: true });
  await writeDurably(folder, FILE, text);
}

/** @returns undefined when nothing was saved. */
export async function savedRunning(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

export async function makeFolder(tools: CaddyTools): Promise<string> {
  const folder = savedFolder(tools);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Notes that we have stopped Caddy, so that it is started again after a crash, and only then. */
export async function noteStopped(tools: CaddyTools): Promise<void> {
  await makeFolder(tools);
  await writeDurably(join(tools.stateDir, 'caddy'), noteName(tools), '');
}

export async function wasStopped(tools: CaddyTools): Promise<boolean> {
  const note = join(tools.stateDir, 'caddy', noteName(tools));
  return (await stat(note).catch(() => undefined)) !== undefined;
}

export async function forgetStopped(tools: CaddyTools): Promise<void> {
  await rm(join(tools.stateDir, 'caddy', noteName(tools)), { force: true });
}

function noteName({ name }: CaddyTools): string {
  return `${encodeURIComponent(name)}.stopped`;
}

async function writeDurably(folder: string, name: string, text: string): Promise<void> {
  const draft = join(folder, `.${name}.new`);
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, join(folder, name));
}

/** The configuration that ran, in a file of its own: a part of each backup, and what a restart must not lose. */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '#kernel/durable.ts';
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
  await replaceDurably(join(folder, FILE), text);
}

export async function makeFolder(tools: CaddyTools): Promise<string> {
  const folder = savedFolder(tools);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Notes that we have stopped Caddy, so that it is started again after a crash, and only then. */
export async function noteStopped(tools: CaddyTools): Promise<void> {
  await makeFolder(tools);
  await replaceDurably(noteOf(tools), '');
}

export async function wasStopped(tools: CaddyTools): Promise<boolean> {
  return (await stat(noteOf(tools)).catch(() => undefined)) !== undefined;
}

export async function forgetStopped(tools: CaddyTools): Promise<void> {
  await rm(noteOf(tools), { force: true });
}

function noteOf({ stateDir, name }: CaddyTools): string {
  return join(stateDir, 'caddy', `${encodeURIComponent(name)}.stopped`);
}

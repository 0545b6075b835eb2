/** Puts a snapshot into the container of a Redis or Valkey server, which reads it when it starts. */
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { docker } from '#sdk/databases/container.ts';
import type { Dump } from '#sdk/databases/dump.ts';
import { laid, placesOf } from '#sdk/databases/redis-files.ts';
import type { RedisServer } from '#sdk/databases/redis-server.ts';
import { type ContainerReach, dockerEnv } from '#sdk/databases/server.ts';

/** It stands still meanwhile, and runs afterwards. */
export async function loadIntoContainer(
  server: RedisServer,
  container: ContainerReach,
  { dump, path }: { dump: Dump; path: string },
): Promise<void> {
  const { tools } = server;
  await requireStays(server, container);
  await docker(tools, container, ['stop', container.id]);
  try {
    await put(server, container, { dump, path });
  } finally {
    await docker(tools, container, ['start', container.id]);
  }
}

async function requireStays({ tools, place, entry }: RedisServer, container: ContainerReach): Promise<void> {
  const format = '{{.HostConfig.AutoRemove}}';
  if ((await docker(tools, container, ['container', 'inspect', '--format', format, container.id])) === 'false') return;
  throw new AutopilotError('HA_RESTORE_REFUSED', `${entry.type} at ${place} would be removed when it is stopped`, {
    next: 'start its container without  --rm  ; nothing was changed',
  });
}

/** Whose the files are is told by the archive that Docker is given. */
async function put(
  { tools, timeoutMs }: RedisServer,
  container: ContainerReach,
  { dump: { detail: settings }, path }: { dump: Dump; path: string },
): Promise<void> {
  const folder = join(await tools.scratch(), `redis-${newId()}`);
  const packed = `${folder}.tar`;
  await mkdir(folder, { mode: 0o700 });
  try {
    const names = await laid({ tools, timeoutMs }, folder, { settings, path });
    const [uid = '0', gid = '0'] = (settings['owner'] ?? '').split(':');
    const owner = [`--owner=${Number(uid) || 0}`, `--group=${Number(gid) || 0}`, '--numeric-owner'];
    await tools.exec(['tar', '--create', `--file=${packed}`, `--directory=${folder}`, ...owner, '--', ...names]);
    await using archive = await open(packed, 'r');
    const to = `${container.id}:${placesOf(settings).dir}`;
    await tools.spawn(['docker', 'cp', '-', to], { stdin: archive.fd, env: dockerEnv(container), timeoutMs }).done;
  } finally {
    for (const one of [folder, packed]) await rm(one, { recursive: true, force: true });
  }
}

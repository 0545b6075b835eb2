/** Whether this very program runs in a container of the project: it cannot stop itself and then go on. */
import { AutopilotError } from '#kernel/errors.ts';
import { mountRoots } from '#sdk/mounts.ts';
import type { ComposeTools } from './config.ts';
import type { Container } from './project.ts';

/** @throws AutopilotError HA_CONFLICT when one of the containers that are to be stopped is our own. */
export async function refuseOwn(tools: ComposeTools, containers: readonly Container[]): Promise<void> {
  // The engine mounts a few files of its own into each container, from a directory that has the container's id.
  const roots = await mountRoots();
  const own = containers.find(({ id }) => roots.some((root) => root.includes(`/containers/${id}/`)));
  if (own === undefined) return;
  const message = `${tools.name}: this worker runs in the container of ${own.service}, and would stop itself`;
  throw new AutopilotError('HA_CONFLICT', message, {
    next: `do it from outside:  docker compose pull  and  docker compose up -d  in ${tools.config.path}`,
  });
}

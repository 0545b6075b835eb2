/** What a project runs at one instant: images by id and digest, the files that say how, its services and volumes. */
import { z } from 'zod';
import type { Release } from '#sdk/kinds/service.ts';
import { isOneShot } from '#sdk/probes/container.ts';
import { envFiles } from './compose-file.ts';
import type { ComposeTools } from './config.ts';
import { HostPort } from './host-port.ts';
import { composeFiles, type Project, requireProject, servicesOf } from './project.ts';
import { imagesOf } from './versions.ts';
import { ownVolumes, sharedVolumes } from './volumes.ts';

/** Words of command lines: what comes back out of a backup set is checked as if it came from anywhere. */
const Word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

/** What the plugin itself needs of a release. */
export const Detail = z.object({
  project: z.string().regex(/^[a-z0-9][a-z0-9_-]*$/),
  /** Compose files, the later ones over the earlier ones. */
  files: z.array(z.string().startsWith('/')),
  /** Compose services that run, or have done their one job. */
  services: z.array(Word),
  volumes: z.array(z.object({ name: Word, labels: z.record(z.string(), z.string()) })),
  /** Ports of the host that it publishes. */
  ports: z.array(HostPort).default([]),
});
export type Detail = z.output<typeof Detail>;

export async function release(tools: ComposeTools): Promise<{ release: Release; summary: string; warnings: string[] }> {
  const project = await requireProject(tools);
  const images = await imagesOf(tools, project);
  const files = await composeFiles(project);
  const detail: Detail = {
    project: project.name,
    files,
    services: wantedToRun(project),
    volumes: await ownVolumes(tools, project),
    ports: project.containers.flatMap(({ ports }) => ports),
  };
  const names = detail.volumes.map(({ name }) => name);
  const shared = await sharedVolumes(tools, { names, containers: project.containers });
  const built = images.filter(({ digest }) => digest === null);
  const version = [...new Set(images.map(({ reference }) => reference))].toSorted().join(', ');
  return {
    release: {
      version: version === '' ? null : version,
      images,
      configFiles: [...files, ...(await envFiles({ directory: project.directory, files }))],
      detail,
    },
    summary: version,
    warnings: [
      ...[...new Set(built.map(({ reference }) => reference))].map(
        (reference) => `${reference} came from no registry: it can be brought back only while it is on this host`,
      ),
      ...shared.map((what) => `${what}: whoever puts this data back replaces it there as well`),
    ],
  };
}

export function detailOf({ detail }: Release): Detail {
  return Detail.parse(detail);
}

/** What somebody has stopped on purpose stays stopped. */
function wantedToRun({ containers }: Project): string[] {
  const wanted = containers.filter((one) => one.status === 'running' || one.status === 'restarting' || isOneShot(one));
  return servicesOf(wanted).toSorted();
}

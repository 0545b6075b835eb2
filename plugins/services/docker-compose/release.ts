/** What a project runs at one instant: images by id and digest, the files that say how, its services and volumes. */
import { z } from 'zod';
import type { Release } from '#sdk/kinds/service.ts';
import { isOneShot } from '#sdk/probes/container.ts';
import { envFiles } from './compose-file.ts';
import type { ComposeTools } from './config.ts';
import { docker, linesOf } from './docker.ts';
import { HostPort } from './host-port.ts';
import { composeFiles, type Project, realPath, requireProject, servicesOf } from './project.ts';
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
  volumes: z.array(
    z.object({
      name: Word,
      labels: z.record(z.string(), z.string()),
      /** Where its data lay on the host; empty in sets of older versions. */
      mountpoint: z.string().default(''),
    }),
  ),
  /** Ports of the host that it publishes. */
  ports: z.array(HostPort).default([]),
  /** The directory of the project, with symlinks resolved; empty in sets of older versions. */
  directory: z.string().default(''),
  /** Names of its containers. */
  names: z.array(Word).default([]),
  /** Networks that it is in, and the addresses that its containers are to have there. */
  networks: z
    .array(z.object({ name: z.string().min(1), own: z.boolean(), addresses: z.array(z.string()) }))
    .default([]),
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
    directory: (await realPath(project.directory)) ?? project.directory,
    names: project.containers.map(({ name }) => name),
    networks: await networksOf(tools, project),
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

/** Those that every engine has are left out. A network is the project's own by its label, as volumes are. */
async function networksOf(tools: ComposeTools, project: Project): Promise<Detail['networks']> {
  const label = `label=com.docker.compose.project=${project.name}`;
  const own = new Set(linesOf(await docker(tools, ['network', 'ls', '--format', '{{.Name}}', '--filter', label])));
  const addresses = new Map<string, string[]>();
  for (const { name, addresses: more } of project.containers.flatMap(({ networks }) => networks)) {
    if (!BUILT_IN.has(name)) addresses.set(name, [...(addresses.get(name) ?? []), ...more]);
  }
  return [...addresses].map(([name, all]) => ({ name, own: own.has(name), addresses: all }));
}

const BUILT_IN: ReadonlySet<string> = new Set(['bridge', 'host', 'none']);

/** What somebody has stopped on purpose stays stopped. */
function wantedToRun({ containers }: Project): string[] {
  const wanted = containers.filter((one) => one.status === 'running' || one.status === 'restarting' || isOneShot(one));
  return servicesOf(wanted).toSorted();
}

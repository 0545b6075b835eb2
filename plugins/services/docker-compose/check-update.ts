/** Whether a project has a newer version to go to, and whether it could be brought back from there. */
import { AutopilotError } from '#kernel/errors.ts';
import { type Proposal, proposeUpdate } from '#sdk/versions/propose.ts';
import { imageEdit } from './compose-file.ts';
import type { ComposeTools } from './config.ts';
import { readConfig } from './docker.ts';
import { refuseLodgers } from './lodgers.ts';
import { refuseOwn } from './own-container.ts';
import { refuseTaken } from './ports.ts';
import { composeFiles, type Project, requireProject, serviceNames } from './project.ts';
import { imagesOf } from './versions.ts';
import { ownVolumes, refuseShared } from './volumes.ts';

export async function checkUpdate(
  tools: ComposeTools,
  { to, policy }: { to?: string | undefined; policy: Record<string, unknown> },
): Promise<Proposal> {
  const project = await requireProject(tools);
  await requireRepeatable(tools, project);
  const images = await imagesOf(tools, project);
  const proposal = await proposeUpdate(tools, images, { policy, to });
  const files = { directory: project.directory, files: await composeFiles(project) };
  for (const { name, reference } of proposal.targets) {
    const moved = images.some((image) => image.name === name && image.reference === reference);
    if (!moved) await imageEdit(files, name, reference);
  }
  return proposal;
}

/** A change must not bring more than the new image, and what it brings must be ours alone to take back. */
async function requireRepeatable(tools: ComposeTools, project: Project): Promise<void> {
  await refuseOwn(tools, project.containers);
  await serviceNames(tools, project);
  const { unset, ports } = await readConfig(tools, project);
  if (unset.length > 0) {
    throw new AutopilotError(
      'HA_CONFIG_INVALID',
      `${tools.name}: the compose file reads ${unset.join(', ')}, set nowhere here`,
      {
        next: `containers made from it now would differ from those that run: set it in ${tools.config.path}/.env`,
      },
    );
  }
  await refuseTaken(tools, ports, project.containers);
  await refuseLodgers(tools, project.containers);
  const names = (await ownVolumes(tools, project)).map(({ name }) => name);
  await refuseShared(tools, { names, containers: project.containers });
}

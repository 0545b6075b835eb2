/** Whether a project has a newer version to go to, and whether it could be brought back from there. */
import { AutopilotError } from '#kernel/errors.ts';
import { type Proposal, proposeUpdate } from '#sdk/versions/propose.ts';
import type { ComposeTools } from './config.ts';
import { unsetVariables } from './docker.ts';
import { type Project, requireProject, serviceNames } from './project.ts';
import { imagesOf } from './versions.ts';
import { sharedVolumes } from './volumes.ts';

export async function checkUpdate(
  tools: ComposeTools,
  { to, policy }: { to?: string | undefined; policy: Record<string, unknown> },
): Promise<Proposal> {
  const project = await requireProject(tools);
  await requireRepeatable(tools, project);
  const images = await imagesOf(tools, project);
  return proposeUpdate(tools, images, { policy, to });
}

/** A change must not bring more than the new image, and what it brings must be ours alone to take back. */
async function requireRepeatable(tools: ComposeTools, project: Project): Promise<void> {
  await serviceNames(tools, project);
  const unset = await unsetVariables(tools, project);
  if (unset.length > 0) {
    throw new AutopilotError(
      'HA_CONFIG_INVALID',
      `${tools.name}: the compose file reads ${unset.join(', ')}, set nowhere here`,
      {
        next: `containers made from it now would differ from those that run: set it in ${tools.config.path}/.env`,
      },
    );
  }
  const [shared] = tools.config.update.shared_volumes === 'allow' ? [] : await sharedVolumes(tools, project);
  if (shared !== undefined) {
    throw new AutopilotError('HA_CONFLICT', `${tools.name}: ${shared}, whose data a rollback would replace as well`, {
      next: 'if that is right, set  update: { shared_volumes: allow }  of the service',
    });
  }
}

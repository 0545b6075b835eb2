/** Whether a project has a newer version to go to, and whether it could be brought back from there. */
import { AutopilotError } from '#kernel/errors.ts';
import type { UpdateTarget } from '#sdk/kinds/service.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import { checkService } from '#sdk/versions/check.ts';
import { CheckSettings, type ImageVerdict } from '#sdk/versions/settings.ts';
import type { ComposeTools } from './config.ts';
import { unsetVariables } from './docker.ts';
import { type Project, requireProject, serviceNames } from './project.ts';
import { versions } from './versions.ts';
import { sharedVolumes } from './volumes.ts';

interface Found {
  available: boolean;
  from: string;
  to: string;
  targets: UpdateTarget[];
  summary: string;
}

export async function checkUpdate(
  tools: ComposeTools,
  { to, policy }: { to?: string | undefined; policy: Record<string, unknown> },
): Promise<Found> {
  const project = await requireProject(tools);
  await requireRepeatable(tools, project);
  const settings = CheckSettings.parse(policy);
  const { images } = await versions(tools);
  const checked = await checkService(tools, images, to === undefined ? settings : named(settings, to));
  const targets = checked.images.flatMap((verdict) => targetOf(verdict) ?? []);
  if (targets.length === 0) refuseSilence(tools, checked.images, to);
  const changed = checked.images.filter(({ kind }) => kind === 'available');
  return {
    available: targets.length > 0,
    from: changed.map(({ reference }) => reference).join(', '),
    to: targets.map(({ reference }) => reference).join(', '),
    targets,
    summary: summaryOf(checked.images),
  };
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

/** A version that a person names is taken whatever the policy says, and nothing else is. */
function named(settings: CheckSettings, to: string): CheckSettings {
  const approved = {
    service: '',
    image: null,
    decision: 'approve' as const,
    version: to,
    at: new Date(0).toISOString(),
  };
  const exactly = `^${to.replaceAll(/[^A-Za-z0-9_]/g, '\\$&')}$`;
  return { ...settings, policy: 'major', minAgeMs: 0, tags: exactly, decisions: [approved] };
}

function targetOf({ kind, name, reference, to }: ImageVerdict): UpdateTarget | undefined {
  if (kind !== 'available' || to === null) return undefined;
  const { tag } = parseReference(reference);
  const bare = reference.split('@')[0] ?? reference;
  const repository = tag !== null && bare.endsWith(`:${tag}`) ? bare.slice(0, -tag.length - 1) : bare;
  return { name, reference: to.tag === tag ? bare : `${repository}:${to.tag}`, digest: to.digest };
}

/** What could not be asked is not the same as nothing new. */
function refuseSilence(tools: ComposeTools, verdicts: readonly ImageVerdict[], to: string | undefined): void {
  const silent = verdicts.filter(({ kind }) => kind === 'unknown');
  if (silent.length > 0) {
    const reasons = silent.map(({ reference, why }) => `${reference}: ${why}`).join('; ');
    throw new AutopilotError(
      'HA_REMOTE_UNREACHABLE',
      `${tools.name}: nobody can say if there is a newer version: ${reasons}`,
      {
        next: 'nothing was changed; try again later',
      },
    );
  }
  if (to === undefined) return;
  throw new AutopilotError(
    'HA_NOT_FOUND',
    `${tools.name}: no image of it has a version ${to} that is newer than what runs`,
    {
      next: `see  homelab-autopilot updates`,
    },
  );
}

function summaryOf(verdicts: readonly ImageVerdict[]): string {
  const told = verdicts
    .filter(({ kind }) => kind !== 'up_to_date')
    .map(({ kind, name, current, to, why }) => {
      const change = to === null ? name : `${name} ${current.tag ?? 'digest'} → ${to.tag}`;
      return kind === 'available' ? `${change} (${why})` : `${change}: ${kind}, ${why}`;
    });
  return told.length === 0 ? 'nothing newer' : told.join('; ');
}

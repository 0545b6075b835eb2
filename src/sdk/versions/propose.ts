/** From the check of a service to the update that is to be made now: what a service plugin answers to `checkUpdate`. */
import { AutopilotError } from '#kernel/errors.ts';
import type { RunningImage, UpdateTarget } from '#sdk/kinds/service.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';
import type { Tools } from '#sdk/tools.ts';
import { checkService } from '#sdk/versions/check.ts';
import { ImageVersion } from '#sdk/versions/decision.ts';
import { CheckSettings, type ImageVerdict } from '#sdk/versions/settings.ts';

export interface Proposal {
  available: boolean;
  from: string;
  to: string;
  targets: UpdateTarget[];
  summary: string;
}

/**
 * @param asked `to`: the version that a person named, which is taken whatever the policy says; then nothing else is.
 * @throws AutopilotError when there is nothing to be taken, and nobody can say that there is nothing newer.
 */
export async function proposeUpdate(
  tools: RegistryTools & Pick<Tools, 'name'>,
  images: readonly RunningImage[],
  asked: { policy: unknown; to?: string | undefined },
): Promise<Proposal> {
  const settings = CheckSettings.parse(asked.policy);
  const wanted = asked.to === undefined ? settings : goingTo(asked.to, { settings, tools });
  const { images: verdicts } = await checkService(tools, images, wanted);
  const taken = verdicts.filter(({ kind }) => kind === 'available');
  const targets = taken.flatMap((verdict) => targetOf(verdict) ?? []);
  if (targets.length === 0) refuseUnknown(tools.name, verdicts);
  if (targets.length === 0 && asked.to !== undefined) throw notThere(tools.name, asked.to, verdicts);
  return {
    available: targets.length > 0,
    from: taken.map(({ reference }) => reference).join(', '),
    to: targets.map(({ reference }) => reference).join(', '),
    targets,
    summary: summaryOf(verdicts),
  };
}

function goingTo(to: string, { settings, tools }: { settings: CheckSettings; tools: Pick<Tools, 'name' | 'now'> }) {
  if (!ImageVersion.safeParse(to).success) {
    throw new AutopilotError('HA_USAGE', `"${to}" is neither a tag nor a digest`);
  }
  const word = { service: tools.name, image: null, version: to, at: tools.now().toISOString() };
  // What was decided before speaks of what the service does by itself; now a person has named a version.
  const decisions = [
    { ...word, decision: 'approve' as const },
    { ...word, decision: 'pin' as const },
  ];
  return { ...settings, decisions };
}

function targetOf({ name, reference, to }: ImageVerdict): UpdateTarget | undefined {
  if (to === null) return undefined;
  return { name, reference: `${writtenName(reference)}:${to.tag}`, digest: to.digest };
}

/** The name as it was written, without tag and digest. */
function writtenName(reference: string): string {
  const { tag, digest } = parseReference(reference);
  const bare = digest === null ? reference : reference.slice(0, reference.indexOf('@'));
  return tag !== null && bare.endsWith(`:${tag}`) ? bare.slice(0, -tag.length - 1) : bare;
}

/** These say that nobody knows; an image that was built here is no reason to call anybody. */
function refuseUnknown(service: string, verdicts: readonly ImageVerdict[]): void {
  const lost = verdicts.find(({ kind, current }) => kind === 'unknown' && current.digest !== null);
  if (lost === undefined) return;
  const passing = lost.reason === 'unreachable' || lost.reason === 'rate_limited';
  const message = `${service}: nobody can say whether ${lost.reference} has a newer version: ${lost.why}`;
  throw new AutopilotError(passing ? 'HA_REMOTE_UNREACHABLE' : 'HA_CHECK_FAILED', message, {
    next: `see  homelab-autopilot updates list ${service}`,
  });
}

function notThere(service: string, to: string, verdicts: readonly ImageVerdict[]): AutopilotError {
  const held = verdicts.find((one) => one.kind === 'held' && (one.to?.tag === to || one.to?.digest === to));
  if (held !== undefined) {
    return new AutopilotError('HA_CHECK_FAILED', `${service}: ${held.name} cannot go to ${to}: ${held.why}`, {
      next: `see  homelab-autopilot updates list ${service}`,
    });
  }
  return new AutopilotError('HA_NOT_FOUND', `no image of ${service} has ${to} as a version newer than what runs`, {
    next: `see  homelab-autopilot updates list ${service}; to go back to an older one, use  enqueue rollback ${service}`,
  });
}

function summaryOf(verdicts: readonly ImageVerdict[]): string {
  if (verdicts.length === 0) return 'it runs nothing that comes from a registry';
  const told = verdicts.flatMap(({ kind, name, current, to, why }) => {
    if (kind === 'up_to_date') return [];
    const change = to === null ? name : `${name} ${current.tag ?? 'digest'} → ${to.tag}`;
    return [kind === 'available' ? `${change} (${why})` : `${change}: ${kind}, ${why}`];
  });
  return told.length === 0 ? 'nothing newer' : told.join('; ');
}

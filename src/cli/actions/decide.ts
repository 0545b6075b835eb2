/** `updates approve`, `skip`, `pin` and `unpin`: decisions on versions, which the controller keeps. */
import type { ServiceUpdates } from '#app/update-check.ts';
import { settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { decisionLines } from '#cli/render/updates.ts';
import { type Call, flag, text, usage, word } from '#cli/spec.ts';
import type { DecideRequest } from '#engine/requests.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { DecidedVersion, versionToPin } from '#sdk/versions/decision.ts';
import type { ImageVerdict } from '#sdk/versions/settings.ts';

type Word = DecideRequest['decisions'][number]['decision'];

export async function decideVersion(context: Context, call: Call, decision: Word): Promise<ExitStatus> {
  const service = word(call, 0);
  const version = call.words[1];
  const image = text(call, 'image') ?? null;
  if (version !== undefined && !DecidedVersion.safeParse(version).success) {
    throw usage(`"${version}" is neither a tag nor a digest`, 'a digest begins with sha256: and 12 more characters');
  }
  const settings = await settingsOf(context, call);
  // Before anything is looked up, so that a mistyped name or a controller that is away is told at once.
  await using controller = await context.rooms.connectController(settings);
  const ask = async () => {
    const report = await context.rooms.checkUpdates(settings, { services: [service], signal: context.interrupted });
    return chosenNow(report.services[0], { service, image, decision });
  };
  const decisions = version === undefined ? await ask() : [{ image, version, decision }];
  const all = await controller.decide({ service, decisions });
  if (flag(call, 'json')) printJson(context, { decided: decisions, decisions: all });
  else printLines(context, decisionLines(service, decisions));
  return EXIT.done;
}

export async function unpinService(context: Context, call: Call): Promise<ExitStatus> {
  const service = word(call, 0);
  const settings = await settingsOf(context, call);
  await using controller = await context.rooms.connectController(settings);
  const removed = await controller.unpin({ service, image: text(call, 'image') ?? null });
  if (flag(call, 'json')) printJson(context, { removed });
  else printLines(context, [removed === 0 ? `${service} was not pinned` : `${service} is not pinned any more`]);
  return EXIT.done;
}

/** What a decision without a version speaks of: what the check finds at this moment. */
function chosenNow(
  checked: ServiceUpdates | undefined,
  { service, image, decision }: { service: string; image: string | null; decision: Word },
): DecideRequest['decisions'] {
  if (checked?.problem != null) {
    throw new AutopilotError('HA_CHECK_FAILED', `what ${service} runs is not known: ${checked.problem}`, {
      next: 'name the version',
    });
  }
  const images = (checked?.images ?? []).filter(({ name }) => image === null || name === image);
  const found = images.flatMap((one) => {
    const version = versionOf(one, decision);
    return version === null ? [] : [{ image: one.name, version, decision }];
  });
  if (found.length > 0) return found;
  const names = (checked?.images ?? []).map(({ name }) => name).join(', ');
  if (images.length === 0) throw usage(`${service} has no image "${image}"`, `it has: ${names}`);
  throw usage(NOTHING[decision](service), `see  homelab-autopilot updates list ${service}`);
}

const NOTHING: Record<Word, (service: string) => string> = {
  approve: (service) => `nothing of ${service} is held`,
  skip: (service) => `nothing of ${service} is newer`,
  pin: (service) => `nobody can say what ${service} runs now; name the version`,
};

function versionOf({ kind, to, current }: ImageVerdict, decision: Word): string | null {
  if (decision === 'pin') return versionToPin(current);
  const open = kind === 'held' || (decision === 'skip' && kind === 'available');
  if (!open || to === null) return null;
  return to.level === 'digest' ? to.digest : to.tag;
}

/** Checks what a service runs against what its registries have: one verdict for each image. */
import type { RunningImage } from '#sdk/kinds/service.ts';
import type { Answer } from '#sdk/registry/answer.ts';
import type { RateLimit } from '#sdk/registry/limits.ts';
import { type ImageReference, readReference } from '#sdk/registry/reference.ts';
import { type ImageFacts, openRegistries, type Registries } from '#sdk/registry/registries.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';
import { decidedFor } from '#sdk/versions/decided.ts';
import { compileFilter } from '#sdk/versions/filter.ts';
import { judge, type Known, needsTags, type Outcome } from '#sdk/versions/judge.ts';
import type { CheckSettings, ImageVerdict } from '#sdk/versions/settings.ts';

export interface Checked {
  images: ImageVerdict[];
  limits: RateLimit[];
}

/** The whole check of one service. Several are checked with one `openRegistries`, so that they share what it learns. */
export async function checkService(
  tools: RegistryTools,
  images: readonly RunningImage[],
  settings: CheckSettings,
): Promise<Checked> {
  const registries = openRegistries(tools, settings);
  return { images: await checkImages({ registries, now: tools.now() }, images, settings), limits: registries.limits() };
}

interface Ports {
  registries: Registries;
  now: Date;
}

/** Never throws for what a registry says or does not say: that is a verdict, `unknown`. */
export async function checkImages(
  ports: Ports,
  images: readonly RunningImage[],
  settings: CheckSettings,
): Promise<ImageVerdict[]> {
  return Promise.all(images.map(async (image) => checkImage(ports, image, settings)));
}

async function checkImage(ports: Ports, image: RunningImage, settings: CheckSettings): Promise<ImageVerdict> {
  const reference = readReference(image.reference);
  const current = { tag: reference?.tag ?? null, digest: image.digest };
  const outcome = await outcomeFor(ports, { image, reference, settings });
  return { name: image.name, reference: image.reference, current, ...outcome };
}

/** So many versions of one image are looked at closely, and then no more: each costs a few requests. */
const MOST_LOOKS = 20;

async function outcomeFor(
  { registries, now }: Ports,
  {
    image,
    reference,
    settings,
  }: { image: RunningImage; reference: ImageReference | undefined; settings: CheckSettings },
): Promise<Outcome> {
  const { digest, imageId, platform, name } = image;
  if (reference === undefined) return unknown('invalid_name', `"${image.reference}" is not the name of an image`);
  const { tag } = reference;
  if (tag === null) return { ...NOTHING, kind: 'up_to_date', why: 'written as a digest alone, so it stays as it is' };
  const decided = decidedFor(settings.decisions, name);
  const [found, tags] = await Promise.all([
    registries.digest(reference, tag, digest),
    needsTags({ tag }, settings.policy, decided) ? registries.tags(reference) : null,
  ]);
  const facts = new Map<string, Answer<ImageFacts>>();
  const { policy, minAgeMs } = settings;
  const wanted = compileFilter(filterFor(settings, name));
  const known: Known = {
    ...{ reference: { ...reference, tag }, digest, imageId, found, tags, facts },
    ...{ policy, wanted, minAgeMs, decided, now },
  };
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const judged = judge(known);
    if (judged.settled) return judged.outcome;
    facts.set(judged.needs, await registries.facts(reference, judged.needs, platform));
  }
  return unknown(
    'bad_answer',
    `none of ${MOST_LOOKS} newer versions could be taken; narrow them down with  update.tags`,
  );
}

function filterFor({ tags }: CheckSettings, name: string): string | null {
  return tags === null || typeof tags === 'string' ? tags : (tags[name] ?? null);
}

const NOTHING = { to: null, readyAt: null, reason: null };

function unknown(reason: NonNullable<Outcome['reason']>, why: string): Outcome {
  return { ...NOTHING, kind: 'unknown', why, reason };
}

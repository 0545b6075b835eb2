/** How long the check of sixty images takes against a real registry, beside the same check one image after the other. */
import type { Metric } from '#bench/metric.ts';
import { median } from '#bench/metric.ts';
import type { RunningImage } from '#sdk/kinds/service.ts';
import { openRegistries } from '#sdk/registry/registries.ts';
import { checkImages } from '#sdk/versions/check.ts';
import type { CheckSettings } from '#sdk/versions/settings.ts';
import { startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { type CountingTools, registryTools } from '#test/support/registry-tools.ts';

const IMAGES = 60;
const REPEATS = 5;

/** Every sixth image has a newer version: its age and digest are looked up as well. */
const NEWER_EVERY = 6;

const SETTINGS: CheckSettings = { policy: 'minor', minAgeMs: 86_400_000, tags: null, registries: {}, decisions: [] };

export async function benchCheckUpdates(): Promise<Metric[]> {
  await using registry = await startRegistry();
  const images = await fill(registry);
  const together: number[] = [];
  const single: number[] = [];
  let [sent, sentSingly] = [0, 0];
  for (let time = 0; time < REPEATS; time++) {
    const tools = registryTools();
    together.push(await timed(() => check(tools, images)));
    sent = tools.sent.length;
    refuseLayers(tools);
    single.push(
      await timed(async () => {
        sentSingly = await oneByOne(images);
      }),
    );
  }
  const [value, baseline] = [median(together), median(single)];
  return [
    { name: `${IMAGES} images, beside one after the other`, value, unit: 'ms', baseline, ratio: baseline / value },
    {
      name: 'requests of it',
      value: sent,
      unit: 'requests',
      baseline: sentSingly,
      ratio: sentSingly / sent,
    },
  ];
}

async function fill(registry: TestRegistry): Promise<RunningImage[]> {
  const images: RunningImage[] = [];
  for (let i = 0; i < IMAGES; i++) {
    const created = new Date('2026-01-01T00:00:00Z');
    const name = `bench/app-${i}`;
    const platforms = ['linux/amd64', 'linux/arm64/v8'];
    const { digest } = await registry.push(`${name}:1.0.0`, { content: name, created, platforms });
    if (i % NEWER_EVERY === 0) await registry.push(`${name}:1.1.0`, { content: `${name} 1.1`, created, platforms });
    const reference = `${registry.host}/${name}:1.0.0`;
    images.push({ name, reference, digest, imageId: null, platform: 'linux/amd64' });
  }
  return images;
}

async function check(tools: CountingTools, images: readonly RunningImage[]): Promise<void> {
  const registries = openRegistries(tools, SETTINGS);
  const verdicts = await checkImages({ registries, now: new Date() }, images, SETTINGS);
  const newer = verdicts.filter(({ kind }) => kind === 'available').length;
  const known = verdicts.filter(({ kind }) => kind !== 'unknown').length;
  if (known !== images.length || newer !== Math.ceil(images.length / NEWER_EVERY)) {
    throw new Error(`of ${images.length} images ${known} are known and ${newer} newer`);
  }
}

/** As a script would do it: each image by itself. @returns how many requests were sent. */
async function oneByOne(images: readonly RunningImage[]): Promise<number> {
  const tools = registryTools();
  for (const image of images) {
    const registries = openRegistries(tools, { ...SETTINGS, atOnce: 1 });
    await checkImages({ registries, now: new Date() }, [image], SETTINGS);
  }
  return tools.sent.length;
}

/** Blobs that may be asked for are the configurations of newer images, one each. */
function refuseLayers({ sent }: CountingTools): void {
  const blobs = sent.filter((line) => line.includes('/blobs/')).length;
  if (blobs > IMAGES / NEWER_EVERY) throw new Error(`${blobs} blobs were fetched: a layer was pulled`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** The documents that describe an image: an index of platforms, the manifest of one, and its configuration. */
import { createHash } from 'node:crypto';
import { arch } from 'node:os';
import { z } from 'zod';

/** What we can read, the index first: a registry that is asked for one platform's manifest alone makes one up. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const Platform = z.object({
  os: z.string().default(''),
  architecture: z.string().default(''),
  variant: z.string().default(''),
});

const ImageManifest = z.object({ schemaVersion: z.literal(2), config: z.object({ digest: Digest }) });
const Index = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(z.object({ digest: Digest, platform: Platform.prefault({}) })).min(1),
});
export const Manifest = z.union([Index, ImageManifest]);

export const ImageConfig = z.object({
  created: z.string().nullish(),
  os: z.string().nullish(),
  architecture: z.string().nullish(),
  variant: z.string().nullish(),
  config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }).nullish(),
});

/** @returns the digest of the manifest for the platform, or null when the index has none. */
export function manifestFor({ manifests }: z.output<typeof Index>, platform: string): string | null {
  const [os, architecture, variant = ''] = platform.split('/');
  const fitting = manifests.filter((one) => one.platform.os === os && one.platform.architecture === architecture);
  const exact = fitting.find((one) => one.platform.variant === variant);
  // An engine may tell no variant where the index names one, and the other way round.
  const loose = fitting.find((one) => one.platform.variant === '' || variant === '');
  return (exact ?? loose)?.digest ?? null;
}

/** What an image says of itself that no index speaks for; null when it does not say it. */
export function platformIn({ os, architecture, variant }: z.output<typeof ImageConfig>): string | null {
  if (!os || !architecture) return null;
  return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

/** Whether an image of the one platform runs where the other one does; a variant that is not told fits. */
export function fits(platform: string, wanted: string): boolean {
  const [os, architecture, variant = ''] = platform.split('/');
  const [wantedOs, wantedArchitecture, wantedVariant = ''] = wanted.split('/');
  const loose = variant === '' || wantedVariant === '' || variant === wantedVariant;
  return os === wantedOs && architecture === wantedArchitecture && loose;
}

/** What this machine runs, for images of which nobody knows. */
export function ownPlatform(): string {
  const names: Record<string, string> = { x64: 'amd64', ia32: '386', arm: 'arm/v7', ppc64: 'ppc64le' };
  return `linux/${names[arch()] ?? arch()}`;
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** Images that are built reproducibly say that they are of 1970, or of some other day long ago. */
const OLDEST = Date.parse('2001-01-01T00:00:00Z');

export function creationOf({ created }: z.output<typeof ImageConfig>): string | null {
  const at = Date.parse(created ?? '');
  return Number.isFinite(at) && at > OLDEST ? new Date(at).toISOString() : null;
}

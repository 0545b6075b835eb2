/** What is configured of registries: who we are there, and which may be spoken to without encryption. */
import { z } from 'zod';
import { SecretRef } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';

export const RegistrySettings = z.object({
  username: z.string().optional(),
  password: SecretRef.optional(),
  /** Left out: plain http is tried where the registry is on this machine, and nowhere else. */
  insecure: z.boolean().optional(),
});
export type RegistrySettings = z.output<typeof RegistrySettings>;

/** By host, as it stands in the names of images: `ghcr.io`, `registry.lan:5000`, `docker.io`. */
export type RegistriesSettings = Readonly<Record<string, RegistrySettings>>;

export type RegistryTools = Pick<Tools, 'fetch' | 'secret' | 'signal' | 'now'>;

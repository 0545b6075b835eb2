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

/** Who we are at a registry. */
export type Credentials = {
  /** Where they are from, for messages. */
  from: string;
} & ({ kind: 'password'; username: string; password: string } | { kind: 'token'; token: string });

/** By host, as it stands in the names of images: `ghcr.io`, `registry.lan:5000`, `docker.io`. */
export type RegistriesSettings = Readonly<Record<string, RegistrySettings>>;

export type RegistryTools = Pick<Tools, 'exec' | 'fetch' | 'mask' | 'secret' | 'signal' | 'now'>;

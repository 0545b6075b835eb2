/** Secrets travel as references; the value is fetched where it is used, and shown nowhere. */
import { z } from 'zod';

/**
 * Where a secret's value is. `path` is its place in the configuration (`destinations.vault.password`), under which
 * a value that was written in the file itself is found again; such a value never leaves the machine with the file.
 */
export const SecretRef = z.object({
  $secret: z.object({
    path: z.string(),
    source: z.discriminatedUnion('from', [
      z.object({ from: z.literal('file'), file: z.string() }),
      z.object({ from: z.literal('command'), command: z.array(z.string()).min(1) }),
      z.object({ from: z.literal('configuration') }),
    ]),
  }),
});
export type SecretRef = z.output<typeof SecretRef>;

/**
 * Declares a secret in a plugin's configuration. For `password: secret()` users may write `password`,
 * `password_file` or `password_command`; the plugin gets a reference for `tools.secret()`.
 */
export function secret(): z.ZodType<SecretRef, SecretRef> {
  return SecretRef.meta({ secret: true });
}

/** Whether a field of a schema was declared with `secret()`. */
export function isSecretSchema(schema: z.ZodType): boolean {
  return schema.meta()?.['secret'] === true;
}

/** Fetches secrets in this process: from files, commands, or the configuration file of this machine. */
import { readInlineSecret, resolveSecret } from '#config/secrets.ts';
import type { Config } from '#config/types.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import type { SecretRef } from '#sdk/secret.ts';

export type SecretResolver = (ref: SecretRef) => Promise<string>;

export function createSecretResolver({ file, global }: Config): SecretResolver {
  return (ref) =>
    resolveSecret(ref, {
      inline: (path) => readInlineSecret({ file, env: process.env, cwd: process.cwd() }, path),
      async run(argv, options) {
        await using processes = new Processes({ priority: global.priority });
        // What a password command prints is the secret itself: nothing of it is logged.
        const silence = () => undefined;
        const log = { debug: silence, info: silence, warn: silence, error: silence };
        const masker = createMasker();
        // Awaited here: what belongs to the processes ends with this function.
        return await processes.exec(
          argv,
          { ...options, priority: 'normal' },
          { signal: AbortSignal.timeout(options.timeoutMs), log, mask: (text) => masker.text(text) },
        );
      },
    });
}

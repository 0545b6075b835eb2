/** What opens the encrypted sets of one service, for whoever typed a command here. */
import type { Settings } from '#app/settings.ts';
import type { Encryption } from '#sdk/encryption.ts';

export type SetKey = Pick<Encryption, 'identity'>;

/** @param file an identity that was named on the command line: it goes before what the configuration names. */
export function setKey({ config }: Pick<Settings, 'config'>, service: string, file: string | undefined): SetKey {
  if (file !== undefined) return { identity: { $secret: { path: '--identity', source: { from: 'file', file } } } };
  const found = config.services.find(({ name }) => name === service);
  return { identity: found?.backup?.encryption.identity ?? config.identity };
}

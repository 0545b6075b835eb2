/** A stand-in for an Unraid server, and the plugin as a worker would use it. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin } from '#plugins/hypervisors/unraid/index.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { type Certificates, makeCertificates } from '#test/support/certificates.ts';
import type { TestSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { type FakeUnraid, KEY, startUnraid } from '#test/support/unraid/server.ts';
import type { World } from '#test/support/unraid/worlds.ts';

export interface UnraidBed extends AsyncDisposable {
  fake: FakeUnraid;
  certificates: Certificates;
  /** Performs an action of the plugin, as a step would. */
  act(action: string, input?: JsonObject): Promise<JsonObject>;
  /** Keys to write differently from now on; null leaves one out. */
  change(config: JsonObject): void;
}

export async function openUnraidBed(world: World, sshd?: TestSshd): Promise<UnraidBed> {
  const dir = await tempDir();
  const certificates = await makeCertificates(dir.path);
  const fake = await startUnraid(world, certificates);
  const secret = async ({ $secret }: SecretRef) => $secret.path;
  const harness = await openPlugin(plugin, [], secret);
  const fingerprint = await fingerprintOf(certificates.certificate);
  let config: JsonObject = {
    ...{ url: fake.url, fingerprint, api_key: known(KEY), timeout: '20s', patience: '2s' },
    ...(sshd === undefined ? {} : { ssh: loginTo(sshd) }),
  };
  return {
    fake,
    certificates,
    act: (action, input = {}) => harness.run(action, config, input),
    change(keys) {
      config = Object.fromEntries(Object.entries({ ...config, ...keys }).filter(([, value]) => value !== null));
    },
    async [Symbol.asyncDispose]() {
      await harness[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

export function loginTo({ port, username, hostKey, privateKey }: TestSshd): JsonObject {
  return { host: '127.0.0.1', port, username, host_key: hostKey, private_key: known(privateKey) };
}

export async function fingerprintOf(file: string): Promise<string> {
  return new X509Certificate(await readFile(file)).fingerprint256;
}

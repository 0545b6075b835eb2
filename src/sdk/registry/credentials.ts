/** Who we are at a registry: by our own configuration, or else by what `docker login` wrote down. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import { errorText, systemCode } from '#kernel/errors.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { RegistriesSettings, RegistryTools } from '#sdk/registry/settings.ts';

export interface Credentials {
  username: string;
  password: string;
  /** Where they are from, for messages. */
  from: string;
}

const DockerConfig = z.object({
  auths: z
    .record(z.string(), z.object({ auth: z.string().optional(), identitytoken: z.string().optional() }))
    .default({}),
  credHelpers: z.record(z.string(), z.string()).default({}),
  credsStore: z.string().default(''),
});
type DockerConfig = z.output<typeof DockerConfig>;

/** Where Docker's own command keeps what it knows, for the user that runs this. */
export function dockerConfigFile(): string {
  const folder = process.env['DOCKER_CONFIG'] ?? '';
  return join(folder === '' ? join(homedir(), '.docker') : folder, 'config.json');
}

/**
 * @returns null: nothing is known, so we ask as anybody.
 * @throws RegistryFailure when there is something that cannot be read or used: asking as anybody would mislead.
 */
export async function credentialsFor(
  tools: RegistryTools,
  registry: string,
  { registries, dockerConfig }: { registries: RegistriesSettings; dockerConfig: string },
): Promise<Credentials | null> {
  const own = registries[registry];
  if (own?.username !== undefined && own.password !== undefined) {
    const from = `updates.registries of the configuration`;
    return { username: own.username, password: await tools.secret(own.password), from };
  }
  return fromDocker(registry, dockerConfig);
}

async function fromDocker(registry: string, file: string): Promise<Credentials | null> {
  const config = await readDockerConfig(file);
  if (config === null) return null;
  const names = spellings(registry);
  const entry = names.map((name) => config.auths[name]).find((one) => one !== undefined);
  if (entry?.identitytoken !== undefined && entry.identitytoken !== '') {
    throw unsupported(`Docker’s ${file} has a token of identity for ${registry}, which cannot be used here`);
  }
  if (entry?.auth !== undefined && entry.auth !== '') return decoded(entry.auth, file);
  const helper = names.map((name) => config.credHelpers[name]).find((one) => one !== undefined);
  const store = helper ?? (entry === undefined ? undefined : config.credsStore);
  if (store === undefined || store === '') return null;
  throw unsupported(
    `the credentials of ${registry} are kept by the helper docker-credential-${store} (${file}), which is not asked`,
  );
}

function unsupported(what: string): RegistryFailure {
  return new RegistryFailure('unsupported', `${what}; name username and password under  updates.registries`);
}

async function readDockerConfig(file: string): Promise<DockerConfig | null> {
  try {
    return DockerConfig.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    // A parser's message may quote what it read.
    const why = code === undefined ? 'it is not what Docker writes' : errorText(cause);
    throw new RegistryFailure('unauthorized', `Docker’s ${file} cannot be read: ${why}`, { cause });
  }
}

/** `docker login` has several ways to write the name of one registry. */
function spellings(registry: string): string[] {
  if (registry === 'docker.io') return ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io'];
  return [
    registry,
    `https://${registry}`,
    `https://${registry}/`,
    `https://${registry}/v2/`,
    `https://${registry}/v1/`,
  ];
}

function decoded(auth: string, file: string): Credentials {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) throw new RegistryFailure('unauthorized', `Docker’s ${file} has credentials that cannot be read`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1), from: file };
}

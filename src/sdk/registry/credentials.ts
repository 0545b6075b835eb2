/** Who we are at a registry: by our own configuration, or else by what `docker login` wrote down. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';
import { errorText, systemCode } from '#kernel/errors.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import { askHelper } from '#sdk/registry/credential-helper.ts';
import type { Credentials, RegistriesSettings, RegistryTools } from '#sdk/registry/settings.ts';

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

export interface CredentialsWish {
  registries: RegistriesSettings;
  /** Docker's own file with credentials. */
  dockerConfig?: string;
  /** How long a helper may take (milliseconds). */
  helperMs?: number | undefined;
}

/**
 * @returns null: nothing is known, so we ask as anybody.
 * @throws RegistryFailure when there is something that cannot be read or used: asking as anybody would mislead.
 */
export async function credentialsFor(
  tools: RegistryTools,
  registry: string,
  { registries, dockerConfig = dockerConfigFile(), helperMs }: CredentialsWish,
): Promise<Credentials | null> {
  const own = registries[registry];
  if (own?.username !== undefined && own.password !== undefined) {
    const from = `updates.registries of the configuration`;
    return { kind: 'password', username: own.username, password: await tools.secret(own.password), from };
  }
  const config = await readDockerConfig(dockerConfig);
  if (config === null) return null;
  const helper = helperFor(registry, config);
  if (helper === '') return inFile(tools, registry, { config, file: dockerConfig });
  const [name = registry] = spellings(registry);
  return askHelper(tools, { helper, registry: name, file: dockerConfig }, helperMs);
}

/** As Docker chooses: one for this registry goes before the one for all. Empty: what the file itself holds. */
function helperFor(registry: string, { credHelpers, credsStore }: DockerConfig): string {
  const named = spellings(registry).map((name) => credHelpers[name]);
  return named.find((one) => one !== undefined) ?? credsStore;
}

function inFile(
  tools: RegistryTools,
  registry: string,
  { config, file }: { config: DockerConfig; file: string },
): Credentials | null {
  const { auth = '', identitytoken = '' } =
    spellings(registry)
      .map((name) => config.auths[name])
      .find((one) => one !== undefined) ?? {};
  const found =
    identitytoken === '' ? decoded(auth, file) : ({ kind: 'token', token: identitytoken, from: file } as const);
  if (found !== null) tools.mask(found.kind === 'token' ? found.token : found.password);
  return found;
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

function decoded(auth: string, file: string): Credentials | null {
  if (auth === '') return null;
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) throw new RegistryFailure('unauthorized', `Docker’s ${file} has credentials that cannot be read`);
  return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1), from: file };
}

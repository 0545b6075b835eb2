/** Fetches one image from its registry, as whoever we are there. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import { credentialsFor } from '#sdk/registry/credentials.ts';
import { fits } from '#sdk/registry/manifest.ts';
import { parseReference } from '#sdk/registry/reference.ts';
import type { Credentials, RegistriesSettings } from '#sdk/registry/settings.ts';
import type { ExecOptions } from '#sdk/tools.ts';
import type { ComposeTools } from './config.ts';
import { docker } from './docker.ts';

const PULL_MS = 3_600_000;

interface Wanted extends Pick<ExecOptions, 'priority'> {
  image: string;
  /** What runs, or ran: a compose file may ask for another platform than the host's. */
  platform: string | null;
  registries: RegistriesSettings;
}

/** @returns the platform that it was asked for. */
export async function pull(tools: ComposeTools, { image, platform, registries, ...options }: Wanted): Promise<string> {
  const { registry } = parseReference(image);
  const { words, problem } = await loginFor(tools, registry, registries);
  const host = (await docker(tools, ['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}'])).trim();
  const foreign = platform === null || fits(platform, host) ? null : platform;
  const which = foreign === null ? [] : ['--platform', foreign];
  try {
    await docker(tools, [...words, 'pull', ...which, '--', image], { timeoutMs: PULL_MS, ...options });
  } catch (cause) {
    if (!(cause instanceof AutopilotError)) throw cause;
    if (/no space left on device/i.test(cause.message)) throw noSpace(tools, image, cause);
    if (problem === null) throw cause;
    throw new AutopilotError(cause.code, `${cause.message}; it was asked as anybody, because ${problem}`, { cause });
  }
  return foreign ?? host;
}

interface Login {
  words: string[];
  /** Why we are nobody there. */
  problem: string | null;
}

/**
 * Docker gets credentials in a file of its own, never in its arguments. Where they cannot be had it asks as anybody, as
 * it would by itself: an image for everybody must come back also while a helper is broken. The check was not so easily
 * satisfied before.
 */
async function loginFor(tools: ComposeTools, host: string, registries: RegistriesSettings): Promise<Login> {
  try {
    const found = await credentialsFor(tools, host, { registries });
    const words = found === null ? [] : await dockerFile(tools, { [DOCKER_NAMES[host] ?? host]: entryOf(found) });
    return { words, problem: null };
  } catch (error) {
    if (!(error instanceof RegistryFailure)) throw error;
    tools.log.warn('asking a registry as anybody', { registry: host, error: error.message });
    // Docker would ask the same helper again, and wait for it without a limit.
    return { words: await dockerFile(tools, {}), problem: error.message };
  }
}

/** Docker's own file calls its own registry by an address. */
const DOCKER_NAMES: Readonly<Record<string, string>> = { 'docker.io': 'https://index.docker.io/v1/' };

function entryOf(credentials: Credentials): Record<string, string> {
  if (credentials.kind === 'token') return { identitytoken: credentials.token };
  return { auth: Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64') };
}

async function dockerFile(tools: ComposeTools, auths: Record<string, Record<string, string>>): Promise<string[]> {
  const folder = await mkdtemp(join(await tools.scratch(), 'docker-'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }), { mode: 0o600 });
  return ['--config', folder];
}

function noSpace({ name }: ComposeTools, image: string, cause: AutopilotError): AutopilotError {
  return new AutopilotError(
    'HA_NO_SPACE',
    `${name}: ${image} does not fit where Docker keeps its images: ${cause.message}`,
    {
      cause,
      next: 'see  docker system df  , and make room; nothing was changed',
    },
  );
}

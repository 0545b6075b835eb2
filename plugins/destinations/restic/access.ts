/** How restic gets at a repository: its secrets in files of this step, and never in a command line. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { quoted } from '#kernel/shell.ts';
import { reachOf } from '#sdk/address.ts';
import { bytesPerSecond } from '#sdk/rate.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { SshLogin, writeLogin } from '#sdk/ssh/login.ts';
import { backendOf, partsOf } from './config.ts';
import type { ResticTools } from './index.ts';

export interface Repository {
  tools: ResticTools;
  environment: Record<string, string>;
  /** Of every command. */
  options: readonly string[];
}

export async function opened<T>(tools: ResticTools, work: (repository: Repository) => Promise<T>): Promise<T> {
  tools.signal.throwIfAborted();
  const { config, stateDir } = tools;
  const scratch = await tools.scratch();
  const id = newId();
  const files = {
    RESTIC_PASSWORD_FILE: join(scratch, `${id}-word`),
    RESTIC_REPOSITORY_FILE: join(scratch, `${id}-at`),
  };
  try {
    await writeFile(files.RESTIC_PASSWORD_FILE, await tools.secret(config.password), { mode: 0o600 });
    await writeFile(files.RESTIC_REPOSITORY_FILE, await withLogin(tools), { mode: 0o600 });
    const environment = {
      ...files,
      ...(await loginEnvironment(tools)),
      RESTIC_CACHE_DIR: join(stateDir, 'restic-cache'),
      RESTIC_PROGRESS_FPS: '1',
      // A pack of some megabytes is written here before it is sent; /tmp may be small, and memory.
      TMPDIR: scratch,
    };
    return await work({ tools, environment, options: [...optionsOf(tools), ...(await sshOptions(tools))] });
  } finally {
    for (const file of Object.values(files)) await rm(file, { force: true });
  }
}

/** Only for reading what nobody changes in place; the lock of somebody else does not hold it up either. */
export function withoutLock(repository: Repository): Repository {
  return { ...repository, options: [...repository.options, '--no-lock'] };
}

function optionsOf({ config }: ResticTools): string[] {
  const { ca_file: ca, region, bandwidth_limit: limit } = config;
  const kibibytes = limit === undefined ? 0 : Math.max(1, Math.floor(bytesPerSecond(limit) / 1024));
  return [
    '--cleanup-cache',
    ...(ca === undefined ? [] : [`--cacert=${ca}`]),
    ...(region === undefined ? [] : [`--option=s3.region=${region}`]),
    ...(limit === undefined ? [] : [`--limit-upload=${kibibytes}`, `--limit-download=${kibibytes}`]),
  ];
}

/** restic would ask the user's own known hosts and agent; we go to the pinned machine, with the key that is configured. */
async function sshOptions(tools: ResticTools): Promise<string[]> {
  const { config } = tools;
  if (backendOf(config.repository) !== 'sftp') return [];
  const { port, host_key, private_key } = config;
  const login = SshLogin.parse({ ...partsOf('sftp', config.repository), port, host_key, private_key });
  const { options } = await writeLogin(tools, login);
  const trust = options.flatMap((option) => ['-o', option]);
  const silence = ['-o', 'ServerAliveInterval=20', '-o', 'ServerAliveCountMax=3'];
  const words = ['ssh', '-F', 'none', '-T', ...trust, ...silence, '-p', String(port), '-l', login.username, '-s'];
  // restic takes it apart like a shell, and runs it without one.
  return [`--option=sftp.command=${[...words, '--', login.host, 'sftp'].map(quoted).join(' ')}`];
}

async function loginEnvironment({ config, secret }: ResticTools): Promise<Record<string, string>> {
  const { access_key_id: id, secret_access_key: key, rclone_config: rclone } = config;
  return {
    // restic reads them from nowhere else.
    ...(id === undefined || key === undefined
      ? {}
      : { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: (await secret(key)).trim() }),
    ...(rclone === undefined ? {} : { RCLONE_CONFIG: rclone }),
  };
}

/** In its address, for Debian's version takes a login in no other way. The file that it is written to is nobody else's. */
async function withLogin(tools: ResticTools): Promise<string> {
  const { repository, rest_user: user, rest_password: password } = tools.config;
  const hasLogin = user !== undefined || backendOf(repository) === 's3';
  if (hasLogin) await requirePrivateLine(tools);
  return user === undefined || password === undefined
    ? repository
    : await restAddress(tools, { repository, user, password });
}

async function restAddress(
  tools: ResticTools,
  { repository, user, password }: { repository: string; user: string; password: SecretRef },
): Promise<string> {
  const url = new URL(partsOf('rest', repository)['url'] ?? '');
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent((await tools.secret(password)).trim());
  return `rest:${url.href}`;
}

/** What is in the repository is encrypted on any line; a login is not. */
async function requirePrivateLine({ name, config }: ResticTools): Promise<void> {
  const url = new URL(config.repository.slice(config.repository.indexOf(':') + 1));
  if (url.protocol === 'https:') return;
  const reach = await reachOf(url.hostname);
  if (reach === 'loopback' || (reach === 'private' && config.allow_private)) return;
  const next = reach === 'private' ? 'give it TLS, or say allow_private: true if that is meant' : 'write https://';
  throw new AutopilotError('HA_CONFIG_INVALID', `${name}: ${url.host} is not reached by https`, { next });
}

/** Logs in to a pinned machine with the `ssh` command: its options, and running one command there. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AutopilotError, type ErrorCode } from '#kernel/errors.ts';
import { quoted } from '#kernel/shell.ts';
import { secret } from '#sdk/secret.ts';
import { HostKeyText, pinnedKey } from '#sdk/ssh/host-key.ts';
import type { ExecResult, Tools } from '#sdk/tools.ts';

// Parts of a command line and of an address that a program is started with: no more than names need.
export const SshLogin = z.object({
  host: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'is a name or an IPv4 address')
    .describe('Name or address of the machine'),
  port: z.int().min(1).max(65_535).default(22).describe('Its SSH port'),
  username: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, 'is the name of a user')
    .describe('Who logs in there'),
  host_key: HostKeyText.describe(
    'Public key of the machine, as ssh-keyscan prints it; nothing is sent to one with another key',
  ),
  private_key: secret().describe('Key to log in with, in OpenSSH form and without a passphrase'),
});
export type SshLogin = z.output<typeof SshLogin>;

/** Keys and known hosts of a login, in a folder of the step's own. */
export interface SshFiles {
  folder: string;
  /** Each is the value of an `-o`. */
  options: string[];
}

export async function writeLogin(tools: Tools, login: SshLogin): Promise<SshFiles> {
  const folder = await mkdtemp(join(await tools.scratch(), 'ssh-'));
  const at = (name: string) => join(folder, name);
  const key = await tools.secret(login.private_key);
  await writeFile(at('key'), key.endsWith('\n') ? key : `${key}\n`, { mode: 0o600 });
  const { type, blob } = pinnedKey(tools, login.host_key);
  const place = login.port === 22 ? login.host : `[${login.host}]:${login.port}`;
  await writeFile(at('known_hosts'), `${place} ${type} ${blob.toString('base64')}\n`, { mode: 0o600 });
  const options = [
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${at('known_hosts')}`],
    ...['GlobalKnownHostsFile=/dev/null', 'IdentitiesOnly=yes', `IdentityFile=${at('key')}`, 'ConnectTimeout=20'],
  ];
  return { folder, options };
}

export function placeOfLogin({ username, host, port }: SshLogin): string {
  return `${username}@${host}:${port}`;
}

/** Runs one command there. @returns also a failure of the command, but none of the connection. */
export type RunThere = (words: readonly string[]) => Promise<ExecResult>;

export async function openLogin(tools: Tools, login: SshLogin): Promise<RunThere> {
  const { options } = await writeLogin(tools, login);
  const ssh = ['-F', 'none', '-T', ...options.flatMap((option) => ['-o', option]), '-p', String(login.port)];
  return async (words) => {
    // The other side joins the words with spaces and hands them to a shell.
    const argv = ['ssh', ...ssh, '-l', login.username, '--', login.host, words.map(quoted).join(' ')] as const;
    const result = await tools.exec(argv, { okCodes: [0, 1, ...Object.keys(TROUBLE).map(Number)], priority: 'normal' });
    const trouble = TROUBLE[result.code];
    if (trouble !== undefined) throw trouble({ where: `${tools.name}: ${placeOfLogin(login)}`, words, ...result });
    return result;
  };
}

interface Failed {
  where: string;
  words: readonly string[];
  stderr: string;
}

const TROUBLE: Readonly<Record<number, (failed: Failed) => AutopilotError>> = {
  126: ({ where, stderr }) => {
    return new AutopilotError('HA_REMOTE_REFUSED', `${where} refuses the command: ${lastLine(stderr)}`, {
      next: 'see which commands the key may run, in authorized_keys there',
    });
  },
  127: ({ where, stderr }) => {
    return new AutopilotError('HA_REMOTE_REFUSED', `${where} does not have the command: ${lastLine(stderr)}`);
  },
  // Of ssh itself.
  255: ({ where, words, stderr }) => {
    const [code, next] = loginTrouble(stderr);
    const lost = code === 'HA_REMOTE_UNREACHABLE' ? `; whether ${words.join(' ')} was done is not known` : '';
    return new AutopilotError(code, `${where}: ${lastLine(stderr)}${lost}`, { next });
  },
};

function loginTrouble(stderr: string): [ErrorCode, string] {
  if (/host key verification failed/i.test(stderr)) return ['HA_REMOTE_REFUSED', 'find out why its key changed'];
  if (/permission denied/i.test(stderr)) {
    return ['HA_REMOTE_REFUSED', 'put the public half of private_key into authorized_keys there'];
  }
  return ['HA_REMOTE_UNREACHABLE', 'see whether the machine is on, and SSH is open from here'];
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

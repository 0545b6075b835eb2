/** Runs `virsh` against one libvirt, with errors that say what is wrong. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError, type ErrorCode } from '#kernel/errors.ts';
import { pinnedKey } from '#sdk/ssh/host-key.ts';
import type { ExecResult } from '#sdk/tools.ts';
import { type LibvirtTools, placeOf } from './config.ts';

export interface Virsh {
  tools: LibvirtTools;
  /** @returns what it printed. */
  run(words: readonly string[]): Promise<string>;
  /** @returns undefined when what was asked for is not there. */
  look(words: readonly string[]): Promise<string | undefined>;
}

export async function connect(tools: LibvirtTools): Promise<Virsh> {
  const { uri, complaints } = await addressOf(tools);
  const ask = async (words: readonly string[]): Promise<ExecResult> => {
    // Its words for errors are read here, so they must not be translated.
    const options = { okCodes: [0, 1], env: { LC_ALL: 'C' }, priority: 'normal' as const };
    const result = await tools.exec(['virsh', '--connect', uri, '--quiet', ...words], options).catch(withAdvice);
    // What ssh says may be more than libvirt can hold.
    const said =
      result.code === 0 || complaints === undefined ? '' : await readFile(complaints, 'utf8').catch(() => '');
    return { ...result, stderr: `${result.stderr}\n${lastLines(said)}` };
  };
  return {
    tools,
    async run(words) {
      const { code, stdout, stderr } = await ask(words);
      if (code !== 0) throw troubleOf(tools, words, stderr);
      return stdout;
    },
    async look(words) {
      const { code, stdout, stderr } = await ask(words);
      if (code === 0) return stdout;
      if (/failed to get domain|domain not found|snapshot not found|no domain snapshot/i.test(stderr)) return undefined;
      throw troubleOf(tools, words, stderr);
    },
  };
}

function withAdvice(error: unknown): never {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_TOOL_MISSING') throw error;
  throw new AutopilotError('HA_TOOL_MISSING', 'virsh is not installed here', { next: 'apt install libvirt-clients' });
}

/** A URI of the user's own could name a program to run; ours is made of checked parts. */
async function addressOf(tools: LibvirtTools): Promise<{ uri: string; complaints: string | undefined }> {
  const { uri, ssh } = tools.config;
  if (ssh === undefined) return { uri, complaints: undefined };
  const folder = await mkdtemp(join(await tools.scratch(), 'libvirt-'));
  const at = (name: string) => join(folder, name);
  const key = await tools.secret(ssh.private_key);
  await writeFile(at('key'), key.endsWith('\n') ? key : `${key}\n`, { mode: 0o600 });
  const { type, blob } = pinnedKey(tools, ssh.host_key);
  const place = ssh.port === 22 ? ssh.host : `[${ssh.host}]:${ssh.port}`;
  await writeFile(at('known_hosts'), `${place} ${type} ${blob.toString('base64')}\n`, { mode: 0o600 });
  const options = [
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${at('known_hosts')}`],
    ...['GlobalKnownHostsFile=/dev/null', 'IdentitiesOnly=yes', `IdentityFile=${at('key')}`, 'ConnectTimeout=20'],
  ];
  const words = options.map((option) => `-o '${option}'`).join(' ');
  await writeFile(at('ssh'), `#!/bin/sh\nexec ssh -F none ${words} "$@" 2>'${at('stderr')}'\n`, { mode: 0o700 });
  const path = uri.slice('qemu://'.length);
  const command = `command=${encodeURIComponent(at('ssh'))}&no_tty=1`;
  const address = `qemu+ssh://${ssh.username}@${ssh.host}:${ssh.port}${path}?${command}`;
  return { uri: address, complaints: at('stderr') };
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-2).join('\n');
}

const REFUSED = 'give this user the right (group libvirt), or run the worker as root';

const KNOWN: readonly { pattern: RegExp; code: ErrorCode; next?: string }[] = [
  { pattern: /host key verification failed/i, code: 'HA_REMOTE_REFUSED', next: 'find out why its key changed' },
  {
    pattern: /authentication (unavailable|failed)|permission denied|access denied|read only/i,
    code: 'HA_REMOTE_REFUSED',
    next: REFUSED,
  },
  { pattern: /no space left/i, code: 'HA_NO_SPACE', next: 'make room where the disks of the guest lie' },
  {
    pattern:
      /failed to connect|cannot recv data|end of file|connection re(set|fused)|unable to connect|client socket is closed/i,
    code: 'HA_REMOTE_UNREACHABLE',
    next: 'start libvirt there (systemctl start libvirtd), or correct its address',
  },
  { pattern: /not supported|unsupported/i, code: 'HA_REMOTE_REFUSED' },
];

function troubleOf(tools: LibvirtTools, words: readonly string[], stderr: string): AutopilotError {
  const said = stderr
    .split('\n')
    .map((line) => line.replace(/^error: /, '').trim())
    .filter((line) => line !== '')
    .join('; ');
  const known = KNOWN.find(({ pattern }) => pattern.test(stderr));
  const asked = words[0] ?? 'virsh';
  const lost = known?.code === 'HA_REMOTE_UNREACHABLE' ? `; whether ${asked} was done is not known` : '';
  return new AutopilotError(
    known?.code ?? 'HA_COMMAND_FAILED',
    `${tools.name}: ${placeOf(tools)}: ${asked}: ${said}${lost}`,
    known?.next === undefined ? {} : { next: known.next },
  );
}

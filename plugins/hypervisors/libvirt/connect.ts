/** Reaches a libvirt with the `virsh` of this machine: that of this machine, or another one's through SSH. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AutopilotError } from '#kernel/errors.ts';
import { openVirsh, type Virsh } from '#sdk/libvirt/virsh.ts';
import { writeLogin } from '#sdk/ssh/login.ts';
import { type LibvirtTools, placeOf } from './config.ts';

export async function connect(tools: LibvirtTools): Promise<Virsh> {
  const { uri, complaints } = await addressOf(tools);
  return openVirsh(tools, {
    place: placeOf(tools),
    async ask(words) {
      const options = { okCodes: [0, 1], env: { LC_ALL: 'C' }, priority: 'normal' as const };
      const result = await tools.exec(['virsh', '--connect', uri, '--quiet', ...words], options).catch(withAdvice);
      // What ssh says may be more than libvirt can hold.
      const said =
        result.code === 0 || complaints === undefined ? '' : await readFile(complaints, 'utf8').catch(() => '');
      return { ...result, stderr: `${result.stderr}\n${lastLines(said)}` };
    },
  });
}

function withAdvice(error: unknown): never {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_TOOL_MISSING') throw error;
  throw new AutopilotError('HA_TOOL_MISSING', 'virsh is not installed here', { next: 'apt install libvirt-clients' });
}

/** A URI of the user's own could name a program to run; ours is made of checked parts. */
async function addressOf(tools: LibvirtTools): Promise<{ uri: string; complaints: string | undefined }> {
  const { uri, ssh } = tools.config;
  if (ssh === undefined) return { uri, complaints: undefined };
  const { folder, options } = await writeLogin(tools, ssh);
  const at = (name: string) => join(folder, name);
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

/** Real keys for tests of encrypted sets: of age itself, and of SSH. */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '#kernel/ids.ts';
import type { Encryption } from '#sdk/encryption.ts';

export interface KeyPair {
  recipient: string;
  /** The file with the identity. */
  file: string;
  /** How a step is told where it is. */
  identity: NonNullable<Encryption['identity']>;
}

export async function ageKey(folder: string): Promise<KeyPair> {
  const file = join(folder, `age-${newId()}.key`);
  execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  return { recipient: execFileSync('age-keygen', ['-y', file], { encoding: 'utf8' }).trim(), ...identityIn(file) };
}

export async function sshKey(folder: string, kind: 'ed25519' | 'rsa' = 'ed25519'): Promise<KeyPair> {
  const file = join(folder, `ssh-${newId()}`);
  execFileSync('ssh-keygen', ['-q', '-t', kind, '-N', '', '-C', 'somebody@somewhere', '-f', file]);
  return { recipient: (await readFile(`${file}.pub`, 'utf8')).trim(), ...identityIn(file) };
}

export function identityIn(file: string): Pick<KeyPair, 'file' | 'identity'> {
  return { file, identity: { $secret: { path: 'backup.encryption.identity', source: { from: 'file', file } } } };
}

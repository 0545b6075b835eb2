/** A real OpenSSH server for one test: its own keys, a free port of loopback, and the user that the tests run as. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endChild } from '#test/support/processes.ts';
import { freePort } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

export interface TestSshd extends AsyncDisposable {
  port: number;
  username: string;
  /** As `ssh-keyscan` would print it. */
  hostKey: string;
  privateKey: string;
  /** Gives the server another host key, as a machine has that was set up anew, or that is not the same one. */
  changeHostKey(): Promise<void>;
  log(): Promise<string>;
}

/** Needs `sshd` and `ssh-keygen`. @param more lines of its configuration. */
export async function startSshd(more = ''): Promise<TestSshd> {
  const dir = await tempDir();
  const at = (name: string) => join(dir.path, name);
  const port = await freePort();
  const makeKey = (name: string) => run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
  for (const name of ['host', 'other', 'user']) await makeKey(name);
  await rename(at('user.pub'), at('authorized'));
  // Where it gives up its rights. Debian makes the directory when the service starts, which it does not here.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  await writeFile(at('config'), settings(dir.path, port) + more);
  const start = async () => {
    // The path must be absolute: it starts itself anew for each connection.
    const server = spawn('/usr/sbin/sshd', ['-D', '-f', at('config'), '-E', at('log')], { stdio: 'ignore' });
    await eventually('sshd answers', () => answers(port));
    return server;
  };
  let server = await start();
  const stop = () => endChild(server, 'SIGTERM');
  return {
    port,
    username: userInfo().username,
    hostKey: (await readFile(at('host.pub'), 'utf8')).trim(),
    privateKey: await readFile(at('user'), 'utf8'),
    log: () => readFile(at('log'), 'utf8'),
    async changeHostKey() {
      await stop();
      await rename(at('other'), at('host'));
      await rename(at('other.pub'), at('host.pub'));
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function settings(dir: string, port: number): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${dir}/host
PidFile none
AuthorizedKeysFile ${dir}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
LogLevel VERBOSE
Subsystem sftp internal-sftp
`;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

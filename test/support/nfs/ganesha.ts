/** A real NAS for one test file: NFS-Ganesha on a free port of loopback, which can freeze, lose power and come back. */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endChild } from '#test/support/processes.ts';
import { freePort } from '#test/support/redis.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

export interface Nas extends AsyncDisposable {
  port: number;
  /** Nobody is answered any more, and no connection ends, as with a NAS that hangs. */
  freeze(): void;
  thaw(): void;
  /** As when its power goes: nothing is said goodbye to. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

interface Export {
  /** How clients mount it: `/backup`. */
  name: string;
  directory: string;
  /** Who may do what, as it stands in the configuration of Ganesha. */
  rights: string;
}

export async function startGanesha(exported: Export): Promise<Nas> {
  const place = await tempDir();
  const at = (name: string) => join(place.path, name);
  const port = await freePort();
  await writeFile(at('conf'), configuration({ port, state: at('state') }, exported));
  const start = async () => {
    await writeFile(at('log'), '');
    const words = ['-F', '-f', at('conf'), '-L', at('log'), '-p', at('pid')];
    const server = spawn('/usr/bin/ganesha.nfsd', words, { stdio: 'ignore' });
    await eventually('the NFS server serves', async () =>
      (await readFile(at('log'), 'utf8')).includes('NFS SERVER INITIALIZED'),
    );
    return server;
  };
  let server = await start();
  const kill = () => endChild(server, 'SIGKILL');
  return {
    port,
    freeze: () => void server.kill('SIGSTOP'),
    thaw: () => void server.kill('SIGCONT'),
    kill,
    start: async () => {
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await place[Symbol.asyncDispose]();
    },
  };
}

/** What a test does in the exported directory is seen at once: the server remembers neither attributes nor listings. */
function configuration({ port, state }: { port: number; state: string }, { name, directory, rights }: Export): string {
  return `NFS_CORE_PARAM {
  Protocols = 4; NFS_Port = ${port}; Bind_addr = 127.0.0.1;
  Enable_NLM = false; Enable_RQUOTA = false; mount_path_pseudo = true;
}
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = ${state}; Minor_Versions = 1, 2; }
NFS_KRB5 { Active_krb5 = false; }
MDCACHE { Dir_Chunk = 0; }
EXPORT {
  Export_Id = 1; Path = ${directory}; Pseudo = ${name}; Filesystem_Id = 1.1; Attr_Expiration_Time = 0;
  SecType = sys; Protocols = 4; Transports = TCP; ${rights} FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
`;
}

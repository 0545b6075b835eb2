/** An ESXi host for one test as it is seen through SSH: a real sshd, where vim-cmd hands its words to this process. */
import { execFile } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { type HostState, NEW_HOST } from './host-state.ts';
import { vimCmd } from './vim-cmd.ts';

const run = promisify(execFile);

export interface ShellHost extends AsyncDisposable {
  sshd: TestSshd;
  state: HostState;
}

/**
 * Each word goes in hexadecimal on one line, so that whatever signs are in it arrive; the answer comes by a pipe of its
 * own. A Node for each command would take longer than all the rest of a test.
 */
const PROGRAM = `#!/bin/sh
cd 'DIR' || exit 1
mkfifo "answer.$$"
line=$$
for word in "$@"; do line="$line,$(printf %s "$word" | od -An -v -tx1 | tr -d ' \\n')"; done
echo "$line" >asked
exec 3<"answer.$$"
read -r code <&3
[ "$code" != cut ] || kill -9 $PPID
cat <&3
rm "answer.$$"
exit "$code"
`;

export async function startShellHost(first: Partial<HostState> = {}): Promise<ShellHost> {
  const dir = await tempDir();
  const at = (name: string) => join(dir.path, name);
  const state: HostState = structuredClone({ ...NEW_HOST, ...first });
  await run('mkfifo', [at('asked')]);
  await writeFile(at('vim-cmd'), PROGRAM.replace('DIR', dir.path));
  await chmod(at('vim-cmd'), 0o755);
  // Open for both, so that it has no end between two commands; a file would be read by a thread that waits for good.
  const fd = openSync(at('asked'), constants.O_RDWR | constants.O_NONBLOCK);
  const pipe = new Socket({ fd, readable: true, writable: false });
  const lines = createInterface(pipe);
  lines.on('line', (line) => void answer(line, state, at));
  const sshd = await startSshd(`SetEnv PATH=${dir.path}:/usr/bin:/bin\n`);
  state.user = sshd.username;
  return {
    sshd,
    state,
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      lines.close();
      pipe.destroy();
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function answer(line: string, state: HostState, at: (name: string) => string): Promise<void> {
  const [id = '', ...words] = line.split(',');
  const said = vimCmd(
    state,
    words.map((word) => Buffer.from(word, 'hex').toString()),
  );
  const { code, text } = said === 'cut' ? { code: 'cut', text: '' } : said;
  await writeFile(at(`answer.${id}`), `${code}\n${text}`);
}

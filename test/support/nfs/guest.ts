/** A virtual machine that runs the system of this one on a kernel with an NFS client, for one test file. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { AutopilotError } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { quoted } from '#kernel/shell.ts';
import { DIRECTORY, FILE, initramfs, PROGRAM } from '#test/support/nfs/initramfs.ts';
import { KERNEL, kernelModules, VIRTIOFSD } from '#test/support/nfs/kernel.ts';
import { Answer, type Request } from '#test/support/nfs/protocol.ts';
import { endChild } from '#test/support/processes.ts';
import { root } from '#test/support/sources.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

/** Of the repository. */
const PROGRAM_FILE = 'test/fixtures/nfs-guest.ts';

/** As the guest calls this machine. */
export const HOST = '10.0.2.2';

/** An emulated machine beside other tests takes its time. */
const BOOT_MS = 110_000;
const MEMORY = '1G';

export interface NfsGuest extends AsyncDisposable {
  /** Asks the program in the guest. @throws AutopilotError what it failed with there. */
  ask(what: Request['what']): Promise<Json>;
  /** Runs a command in the guest. @returns what it printed. */
  run(...argv: [string, ...string[]]): Promise<string>;
}

export async function bootGuest(): Promise<NfsGuest> {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await tempDir());
  const at = (name: string) => join(place.path, name);
  const server = createServer().listen(0, '127.0.0.1');
  stack.defer(() => void server.close());
  const called = once(server, 'connection') as Promise<[Socket]>;
  await once(server, 'listening');
  const command = [...(await programWords(at('program'))), HOST, `${portOf(server)}`];
  await writeFile(at('initrd'), await firstFiles(command));
  // The system is only read, so it may be remembered. What tests make is seen on both sides at once.
  stack.use(await share(at('system'), '/', 'always'));
  stack.use(await share(at('work'), await realpath(tmpdir()), 'none'));
  const machine = spawn('qemu-system-x86_64', machineWords(at), { stdio: 'ignore' });
  stack.defer(async () => await endChild(machine, 'SIGKILL'));
  try {
    const [connection] = await inTime(called, once(machine, 'exit'));
    const all = stack.move();
    return { ...speaker(connection), [Symbol.asyncDispose]: async () => await all.disposeAsync() };
  } catch (error) {
    const said = await readFile(at('console'), 'utf8').catch(() => '');
    throw new Error(`the guest did not come up: ${said.slice(-2000)}`, { cause: error });
  }
}

async function inTime<T>(called: Promise<T>, ended: Promise<unknown>): Promise<T> {
  const gone = ended.then(() => Promise.reject(new Error('it ended')));
  const late = AbortSignal.timeout(BOOT_MS);
  const never = once(late, 'abort').then(() => Promise.reject(new Error(`not within ${BOOT_MS} ms`)));
  return await Promise.race([called, gone, never]);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** A process of its own, since Node warns of what takes the types out. */
async function programWords(folder: string): Promise<string[]> {
  const strip = join(import.meta.dirname, 'strip.ts');
  await run(process.execPath, ['--disable-warning=ExperimentalWarning', strip, PROGRAM_FILE, folder]);
  return [process.execPath, '--jitless', '--import', join(folder, 'hook.mjs'), join(root, PROGRAM_FILE)];
}

/** What the kernel finds in memory: a shell, the modules, and where to go on. */
async function firstFiles(command: readonly string[]): Promise<Buffer> {
  const settings = { WORK: await realpath(tmpdir()), COMMAND: command.join('\n') };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quoted(value)}\n`);
  const modules = await Promise.all(
    (await kernelModules()).map(async (path) => ({
      path: `modules/${basename(path)}`,
      mode: FILE,
      content: await readFile(path),
    })),
  );
  return initramfs([
    ...['bin', 'proc', 'system', 'modules'].map((path) => ({ path, mode: DIRECTORY })),
    { path: 'bin/busybox', mode: PROGRAM, content: await readFile('/usr/bin/busybox') },
    { path: 'init', mode: PROGRAM, content: await readFile(join(import.meta.dirname, 'init.sh')) },
    { path: 'settings', mode: FILE, content: Buffer.from(lines.join('')) },
    ...modules,
  ]);
}

/** Always emulated: there may be a /dev/kvm on which no guest starts. */
function machineWords(at: (name: string) => string): string[] {
  const shared = (tag: string) => [
    ...['-chardev', `socket,id=${tag},path=${at(tag)}`],
    ...['-device', `vhost-user-fs-pci,chardev=${tag},tag=${tag}`],
  ];
  const boot = 'console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable random.trust_cpu=on';
  return [
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35', '-cpu', 'Nehalem', '-smp', '2', '-m', MEMORY],
    ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY},share=on`, '-numa', 'node,memdev=memory'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', `file:${at('console')}`],
    ...['-kernel', KERNEL, '-initrd', at('initrd'), '-append', boot],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...shared('system'),
    ...shared('work'),
  ];
}

async function share(socket: string, directory: string, cache: 'always' | 'none'): Promise<AsyncDisposable> {
  const words = [`--socket-path=${socket}`, '-o', `source=${directory},cache=${cache},sandbox=chroot`];
  const daemon = spawn(VIRTIOFSD, words, { stdio: 'ignore' });
  await eventually(`${directory} is shared`, () => existsSync(socket));
  return {
    async [Symbol.asyncDispose]() {
      await endChild(daemon, 'SIGTERM');
      // It keeps its number there, and leaves it.
      await rm(`/run/virtiofsd/${socket.replaceAll('/', '.')}.pid`, { force: true });
    },
  };
}

function speaker(connection: Socket): Pick<NfsGuest, 'ask' | 'run'> {
  const waiting = new Map<number, PromiseWithResolvers<Json>>();
  let asked = 0;
  createInterface({ input: connection }).on('line', (line) => {
    const { id, value = null, error } = Answer.parse(JSON.parse(line));
    const asker = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) return asker?.resolve(value);
    const { code, message, next } = error;
    asker?.reject(new AutopilotError(code, message, next === undefined ? {} : { next }));
  });
  connection
    .on('error', () => undefined)
    .on('close', () => {
      for (const asker of waiting.values()) asker.reject(new Error('the guest is gone'));
    });
  const ask = async (what: Request['what']) => {
    const answer = Promise.withResolvers<Json>();
    waiting.set((asked += 1), answer);
    connection.write(`${JSON.stringify({ id: asked, what } satisfies Request)}\n`);
    return await answer.promise;
  };
  const command = async (...argv: [string, ...string[]]) => {
    const printed = await ask({ argv });
    return typeof printed === 'string' ? printed : '';
  };
  return { ask, run: command };
}

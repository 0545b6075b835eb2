/** A share of a NAS of its own, mounted in the guest, with a bed whose destination `nas` it is. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { JsonObject } from '#kernel/json.ts';
import { type Bed, openBed } from '#test/archive/bed.ts';
import { type Nas, startGanesha } from '#test/support/nfs/ganesha.ts';
import { HOST, type NfsGuest } from '#test/support/nfs/guest.ts';
import type { Request } from '#test/support/nfs/protocol.ts';
import { tempDir } from '#test/support/tmp.ts';

export interface TestShare extends AsyncDisposable {
  bed: Bed;
  nas: Nas;
  /** What is exported: a directory of this machine, which is the NAS. */
  root: string;
  /** Where the guest mounts it, and the path of the destination. */
  path: string;
  mount(): Promise<void>;
  unmount(): Promise<void>;
}

interface ShareSettings {
  /** Of the export, as they stand in the configuration of Ganesha. Without any, this machine may do everything. */
  rights?: string;
  /** Of the destination. */
  timeout?: string;
  /** An empty directory to export, instead of one of its own. */
  root?: string;
}

export const MARKER = '.homelab-autopilot';

/** The destination has the types of file systems that it has by itself, and the mount nothing that users do not have. */
export async function openShare(guest: NfsGuest, options: ShareSettings = {}): Promise<TestShare> {
  await using stack = new AsyncDisposableStack();
  const disk = stack.use(await tempDir());
  const root = options.root ?? join(disk.path, 'export');
  await mkdir(root, { recursive: true });
  await writeFile(join(root, MARKER), '');
  const rights = options.rights ?? 'Access_Type = RW; Squash = No_Root_Squash;';
  const nas = stack.use(await startGanesha({ name: '/backup', directory: root, rights }));
  const path = `/run/nas/${basename(disk.path)}`;
  const words = `addr=${HOST},clientaddr=10.0.2.15,port=${nas.port},vers=4.2,proto=tcp,hard`;
  const mount = async () =>
    void (await guest.run('mount', '--internal-only', '-t', 'nfs4', '-o', words, `${HOST}:/backup`, path));
  const unmount = async () => void (await guest.run('umount', path));
  await guest.run('mkdir', path);
  await mount();
  stack.defer(async () => void (await guest.run('umount', '--lazy', '--force', path)));
  const bed = stack.use(await openGuestBed(guest));
  bed.addDestination('nas', { path, timeout: options.timeout ?? '30s' }, 'nfs');
  const all = stack.move();
  return { bed, nas, root, path, mount, unmount, [Symbol.asyncDispose]: async () => await all.disposeAsync() };
}

type Call = Extract<Request['what'], { call: unknown }>['call'];

/** What needs no share is done here: an emulated machine takes ten times as long for it. */
const MAKES_SETS: ReadonlySet<string> = new Set(['capture', 'seal']);

async function openGuestBed(guest: NfsGuest): Promise<Bed> {
  const here = await openBed();
  const { folder } = here.stage;
  const destinations: Call['destinations'] = [];
  const perform = async (what: Pick<Call, 'destination' | 'action' | 'input'>) =>
    (await guest.ask({ call: { folder, destinations, ...what } })) as JsonObject;
  return {
    ...here,
    addDestination: (name, config, type = 'local') => void destinations.push({ name, config, type }),
    archive: async (action, input) =>
      MAKES_SETS.has(action) ? await here.archive(action, input) : await perform({ action, input }),
    destination: async (destination, action, input) => await perform({ destination, action, input }),
    async [Symbol.asyncDispose]() {
      await guest.ask({ close: folder });
      await here[Symbol.asyncDispose]();
    },
  };
}

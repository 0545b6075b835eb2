/** Snapshots of an Unraid server's guests through SSH, since its API has none: containers by Docker, machines by libvirt. */
import { z } from 'zod';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { SOCKET } from '#sdk/docker/address.ts';
import { connect, type Engine } from '#sdk/docker/engine.ts';
import { restoreSnapshot as restoreContainer } from '#sdk/docker/restore.ts';
import { keptOf } from '#sdk/docker/shelf.ts';
import * as containers from '#sdk/docker/snapshot.ts';
import * as machines from '#sdk/libvirt/snapshots.ts';
import { openVirsh, type Virsh } from '#sdk/libvirt/virsh.ts';
import { openLogin, placeOfLogin, type SshLogin } from '#sdk/ssh/login.ts';
import type { Unraid } from './api.ts';
import { type Found, find, withoutName } from './guests.ts';

interface Name {
  guest: string;
  label: string;
  run: string;
}

type After = 'running' | 'stopped' | 'asBefore';

/** The guest under the name that Docker or libvirt knows it by. */
type Place = { name: string } & ({ engine: Engine } | { virsh: Virsh });

const NO_SSH = 'the API of Unraid has no snapshots: configure `ssh` for them';

/** Unraid's own knowledge of a container. */
const TEMPLATE = 'the template of the container, from which Unraid makes it anew when it is edited or updated there';

export async function canSnapshot(unraid: Unraid, guest: string) {
  const found = await find(unraid, guest);
  if (unraid.tools.config.ssh === undefined) return { possible: false, summary: NO_SSH, covers: [], outage: false };
  const place = await placeOf(unraid, found);
  if ('virsh' in place) return await machines.canSnapshot(place.virsh, place.name);
  const told = await containers.canSnapshot(place.engine, place.name);
  return told.possible ? { ...told, leavesOut: [...(told.leavesOut ?? []), TEMPLATE] } : told;
}

export async function listSnapshots(unraid: Unraid, guest: string) {
  const place = await locate(unraid, guest);
  return 'virsh' in place
    ? await machines.listSnapshots(place.virsh, place.name)
    : await containers.listSnapshots(place.engine, place.name);
}

export async function makeSnapshot(unraid: Unraid, wish: Name) {
  const place = await locate(unraid, wish.guest);
  const name = { ...wish, guest: place.name };
  return 'virsh' in place
    ? await machines.makeSnapshot(place.virsh, name)
    : await containers.makeSnapshot(place.engine, name);
}

export async function restoreSnapshot(unraid: Unraid, wish: Name, state: After) {
  const place = await locate(unraid, wish.guest);
  const name = { ...wish, guest: place.name };
  return 'virsh' in place
    ? await machines.restoreSnapshot(place.virsh, name, state)
    : await restoreContainer(place.engine, name, state);
}

export async function deleteSnapshot(unraid: Unraid, wish: Name) {
  const place = await locate(unraid, wish.guest);
  const name = { ...wish, guest: place.name };
  return 'virsh' in place
    ? await machines.deleteSnapshot(place.virsh, name)
    : await containers.deleteSnapshot(place.engine, name);
}

async function locate(unraid: Unraid, guest: string): Promise<Place> {
  try {
    return await placeOf(unraid, await find(unraid, guest));
  } catch (error) {
    const engine = isUnseen(error) ? await engineOf(unraid).catch(() => undefined) : undefined;
    if (engine === undefined) throw error;
    // Going back takes the container away first: a way back that was cut short there is gone on with.
    const name = guest.replace(/^container:/, '');
    const kept = await keptOf(engine, name).catch((failure: unknown) => {
      throw alsoFailed(unraid, error, failure);
    });
    if (kept.length > 0) return { engine, name };
    throw error;
  }
}

/** That an engine is off tells nothing of the guest alone. The code is its: it may come back, so a way back is tried again. */
function alsoFailed(unraid: Unraid, first: unknown, second: unknown): unknown {
  unraid.tools.signal.throwIfAborted();
  if (!(first instanceof AutopilotError && second instanceof AutopilotError)) return second;
  return new AutopilotError(second.code, `${errorText(first)}; nor through SSH: ${withoutName(unraid, second)}`, {
    cause: second,
    next: 'correct the name of the guest, or start Docker under Settings → Docker of the server',
  });
}

/** Not there, or perhaps among the machines, which cannot be seen while the VM manager is off. */
function isUnseen(error: unknown): boolean {
  return error instanceof AutopilotError && ['HA_NOT_FOUND', 'HA_REMOTE_REFUSED'].includes(error.code);
}

async function placeOf(unraid: Unraid, { type, key, name }: Found): Promise<Place> {
  if (type === 'container') return { name, engine: await engineOf(unraid) };
  // libvirt's own id, unlike a name, can be taken for no option and for no number.
  return { name: key.slice(key.lastIndexOf(':') + 1), virsh: await virshOf(unraid) };
}

async function engineOf({ tools }: Unraid): Promise<Engine> {
  return await connect(tools, { socket: SOCKET, ssh: loginOf(tools) });
}

async function virshOf({ tools }: Unraid): Promise<Virsh> {
  const login = loginOf(tools);
  const run = await openLogin(tools, login);
  return openVirsh(tools, {
    place: `libvirt of ${placeOfLogin(login)}`,
    ask: (words) => run(['env', 'LC_ALL=C', 'virsh', '--connect', 'qemu:///system', '--quiet', ...words]),
  });
}

function loginOf({ name, config: { ssh } }: Unraid['tools']): SshLogin {
  if (ssh !== undefined) return ssh;
  throw new AutopilotError('HA_REMOTE_REFUSED', `${name}: ${NO_SSH}`, { next: 'see docs/hypervisors/unraid.md' });
}

/** Whether SSH leads to Docker, to libvirt, or at least to one of them. */
export async function trySsh(unraid: Unraid): Promise<{ reason: string; problems: string[] }> {
  if (unraid.tools.config.ssh === undefined) return { reason: NO_SSH, problems: [] };
  const problems: string[] = [];
  const tries = [
    async () => await (await engineOf(unraid)).ask(z.json(), '/version'),
    async () => await machines.versionOf(await virshOf(unraid)),
  ];
  for (const one of tries) {
    try {
      await one();
    } catch (error) {
      unraid.tools.signal.throwIfAborted();
      problems.push(`no snapshots through SSH: ${errorText(error)}`);
    }
  }
  return { reason: problems.length === tries.length ? problems.join('; ') : '', problems };
}

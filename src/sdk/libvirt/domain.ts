/** A domain of libvirt as a guest: how it is found, in which state it is, how it is started and stopped. */
import { AutopilotError } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import type { Guest, GuestState } from '#sdk/kinds/hypervisor.ts';
import type { Virsh } from '#sdk/libvirt/virsh.ts';
import { type Domain, readDomain } from '#sdk/libvirt/xml.ts';

/** Asked for a number, virsh looks among the ids that running domains have for now: so what it found is looked at. */
export async function find(virsh: Virsh, guest: string): Promise<Domain> {
  const xml = await virsh.look(['dumpxml', '--domain', guest]);
  const domain = xml === undefined ? undefined : readDomain(xml);
  if (domain !== undefined && (domain.name === guest || domain.uuid === guest)) return domain;
  throw new AutopilotError('HA_NOT_FOUND', `${virsh.tools.name}: there is no guest "${guest}"`, {
    next: 'see the names with  virsh list --all',
  });
}

/** Of one whose name could be taken for something else, the id is said that never is. */
export function idOf({ uuid }: Pick<Domain, 'uuid'>): readonly ['--domain', string] {
  return ['--domain', uuid];
}

const STATES: Readonly<Record<string, GuestState>> = {
  running: 'running',
  idle: 'running',
  'no state': 'unknown',
  paused: 'paused',
  pmsuspended: 'paused',
  'in shutdown': 'changing',
  'shut off': 'stopped',
  crashed: 'stopped',
};

export async function stateOf(virsh: Virsh, domain: Pick<Domain, 'uuid'>): Promise<GuestState> {
  const said = await virsh.run(['domstate', ...idOf(domain)]);
  return STATES[said.trim()] ?? 'unknown';
}

/** As libvirt numbers them. */
const NUMBERED: readonly GuestState[] = [
  ...(['unknown', 'running', 'running', 'paused', 'changing', 'stopped', 'stopped', 'paused'] as const),
];

export async function listGuests(virsh: Virsh): Promise<Guest[]> {
  const stats = await virsh.run(['domstats', '--raw', '--state']);
  return [...stats.matchAll(/^Domain: '(.*)'\n\s+state\.state=(\d+)/gm)].map(([, name = '', state]) => {
    return guestOf(name, NUMBERED[Number(state)] ?? 'unknown');
  });
}

export function guestOf(name: string, state: GuestState): Guest {
  return { id: name, name, type: 'vm', state, node: null, lock: null };
}

export async function start(virsh: Virsh, domain: Domain): Promise<boolean> {
  const state = await stateOf(virsh, domain);
  if (state === 'running') return false;
  try {
    await virsh.run([state === 'paused' ? 'resume' : 'start', ...idOf(domain)]);
  } catch (error) {
    // Somebody else was quicker, or the answer was lost.
    if ((await stateOf(virsh, domain)) !== 'running') throw error;
  }
  return true;
}

const LOOK_EVERY_MS = 500;

export async function stop(
  virsh: Virsh,
  domain: Domain,
  { graceMs, force }: { graceMs: number; force: boolean },
): Promise<{ changed: boolean; forced: boolean }> {
  const { tools } = virsh;
  if ((await stateOf(virsh, domain)) === 'stopped') return { changed: false, forced: false };
  const until = tools.now().getTime() + graceMs;
  // One that cannot listen any more is switched off when the time is up.
  if (graceMs > 0) await virsh.look(['shutdown', ...idOf(domain)]).catch(refusedOnly);
  while (tools.now().getTime() < until) {
    if ((await stateOf(virsh, domain)) === 'stopped') return { changed: true, forced: false };
    await pause(LOOK_EVERY_MS, tools.signal);
    tools.signal.throwIfAborted();
  }
  if (!force) {
    throw new AutopilotError('HA_CHECK_FAILED', `${tools.name}: ${domain.name} was told to shut down and still runs`, {
      next: 'see its console: it may not listen to its power button; or stop it by force',
    });
  }
  return { changed: true, forced: await switchOff(virsh, domain) };
}

/** @returns whether it ran. */
export async function switchOff(virsh: Virsh, domain: Domain): Promise<boolean> {
  if ((await stateOf(virsh, domain)) === 'stopped') return false;
  try {
    await virsh.run(['destroy', ...idOf(domain)]);
  } catch (error) {
    if ((await stateOf(virsh, domain)) !== 'stopped') throw error;
  }
  return true;
}

function refusedOnly(error: unknown): undefined {
  if (error instanceof AutopilotError && error.code === 'HA_COMMAND_FAILED') return undefined;
  throw error;
}

/** Guests of an Unraid server: its containers and its virtual machines, found by their names. */
import { AutopilotError, errorText } from '#kernel/errors.ts';
import type { Guest, GuestState } from '#sdk/kinds/hypervisor.ts';
import { read, type Unraid } from './api.ts';
import { arrayProblem } from './array.ts';
import { CONTAINERS, DOMAINS } from './operations.ts';

type GuestType = Guest['type'];

/** A guest as the API tells it. */
export interface Found {
  type: GuestType;
  /** Of the API; that of a container is another one when it was made anew. */
  key: string;
  name: string;
  state: GuestState;
  /** Docker's own words: `Exited (137) 3 seconds ago`. Empty for a virtual machine. */
  status: string;
}

/** What can be seen. `unseen` says why a half of it cannot: the right, or that Docker or the VM manager does not run. */
interface Survey {
  found: Found[];
  unseen: { type: GuestType; reason: AutopilotError }[];
}

export async function listGuests(unraid: Unraid): Promise<Guest[]> {
  const { found, unseen } = await seen(unraid);
  for (const { reason } of unseen) unraid.tools.log.warn('some guests are not listed', { reason: errorText(reason) });
  return found.map((one) => guestOf(found, one));
}

export async function findGuest(unraid: Unraid, guest: string): Promise<Guest> {
  const survey = await seen(unraid);
  return guestOf(survey.found, await pick(unraid, guest, survey));
}

export async function find(unraid: Unraid, guest: string): Promise<Found> {
  return await pick(unraid, guest, await seen(unraid));
}

/** The same guest, as it is now. */
export async function lookAgain(unraid: Unraid, { type, name }: Found): Promise<Found> {
  const now = (await READERS[type](unraid)).find((one) => one.name === name);
  if (now !== undefined) return now;
  throw new AutopilotError('HA_NOT_FOUND', `${unraid.tools.name}: the guest "${name}" is not there any more`);
}

async function pick(unraid: Unraid, guest: string, { found, unseen }: Survey): Promise<Found> {
  const one = found.find((at) => idOf(found, at) === guest) ?? found.find((at) => longId(at) === guest);
  if (one !== undefined) return one;
  const [unknown] = unseen;
  if (unknown !== undefined) throw halfKnown(unraid, guest, unknown);
  const stopped = await arrayProblem(unraid);
  if (stopped !== undefined) throw stopped;
  const twins = found.filter(({ name }) => name === guest);
  const next = `write ${twins.map(longId).join(' or ')}`;
  const missing = `${unraid.tools.name}: there is no container or machine "${guest}"`;
  throw twins.length > 0
    ? new AutopilotError('HA_NOT_FOUND', `${missing} alone: there is one of each kind`, { next })
    : new AutopilotError('HA_NOT_FOUND', missing, { next: 'see the names on the Docker and VMs pages of the server' });
}

const WORDS: Readonly<Record<GuestType, { one: string; all: string }>> = {
  container: { one: 'container', all: 'containers' },
  vm: { one: 'machine', all: 'machines' },
};

/** Not among those that can be seen, which is all that is known. */
function halfKnown(unraid: Unraid, guest: string, { type, reason }: Survey['unseen'][number]): AutopilotError {
  const { name } = unraid.tools;
  const { one } = WORDS[type === 'container' ? 'vm' : 'container'];
  const why = withoutName(unraid, reason);
  const message = `${name}: there is no ${one} "${guest}", and ${WORDS[type].all} cannot be asked: ${why}`;
  return new AutopilotError(reason.code, message, {
    cause: reason,
    ...(reason.next === undefined ? {} : { next: reason.next }),
  });
}

/** What an error says, for where the server is named already. */
export function withoutName({ tools }: Unraid, error: AutopilotError): string {
  return errorText(error).replace(`${tools.name}: `, '');
}

/** @throws AutopilotError when nothing can be seen, or the array is what hides it. */
async function seen(unraid: Unraid): Promise<Survey> {
  const survey = await look(unraid);
  const [first] = survey.unseen;
  if (first === undefined) return survey;
  // What the array takes down with it looks like failures of other kinds.
  const stopped = await arrayProblem(unraid);
  if (stopped !== undefined) throw stopped;
  if (isBlind(survey)) throw first.reason;
  return survey;
}

export function isBlind({ unseen }: Survey): boolean {
  return unseen.length === Object.keys(READERS).length;
}

/** Each half is asked for by itself: in one question, a failure of one would take the other with it. */
export async function look(unraid: Unraid): Promise<Survey> {
  const survey: Survey = { found: [], unseen: [] };
  const types = ['container', 'vm'] as const;
  const halves = await Promise.allSettled(types.map((type) => READERS[type](unraid)));
  for (const [index, type] of types.entries()) {
    const half = halves[index];
    if (half?.status === 'fulfilled') survey.found.push(...half.value);
    else if (isRefusal(half?.reason)) survey.unseen.push({ type, reason: half.reason });
    else throw half?.reason;
  }
  return survey;
}

function isRefusal(error: unknown): error is AutopilotError {
  return error instanceof AutopilotError && error.code === 'HA_REMOTE_REFUSED';
}

const READERS: Readonly<Record<GuestType, (unraid: Unraid) => Promise<Found[]>>> = {
  async container(unraid) {
    const { docker } = await read(unraid, CONTAINERS);
    return docker.containers.flatMap(({ id, names, state, status }) => {
      const [name = ''] = names;
      const at = { key: id, name: name.replace(/^\//, ''), state: CONTAINER_STATES[state] ?? 'unknown', status };
      return at.name === '' ? [] : [{ type: 'container' as const, ...at }];
    });
  },
  async vm(unraid) {
    const { vms } = await read(unraid, DOMAINS);
    return (vms.domains ?? []).map(({ id, name, state }) => {
      return { type: 'vm' as const, key: id, name: name ?? id, state: VM_STATES[state] ?? 'unknown', status: '' };
    });
  },
};

const CONTAINER_STATES: Readonly<Record<string, GuestState>> = {
  RUNNING: 'running',
  PAUSED: 'paused',
  EXITED: 'stopped',
};

const VM_STATES: Readonly<Record<string, GuestState>> = {
  RUNNING: 'running',
  IDLE: 'running',
  PAUSED: 'paused',
  PMSUSPENDED: 'paused',
  SHUTDOWN: 'changing',
  SHUTOFF: 'stopped',
  CRASHED: 'stopped',
};

function guestOf(all: readonly Found[], one: Found): Guest {
  const { type, name, state } = one;
  return { id: idOf(all, one), name, type, state, node: null, lock: null };
}

/** A container and a virtual machine may have one name: then the kind stands before it. */
function idOf(all: readonly Found[], one: Found): string {
  return all.some(({ type, name }) => name === one.name && type !== one.type) ? longId(one) : one.name;
}

function longId({ type, name }: Found): string {
  return `${type}:${name}`;
}

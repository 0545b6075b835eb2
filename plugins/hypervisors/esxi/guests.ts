/** Guests of a host or vCenter: found by a name that is theirs alone, or by their uuid. */
import { AutopilotError } from '#kernel/errors.ts';
import { GuestId } from '#sdk/guests.ts';
import type { Guest } from '#sdk/kinds/hypervisor.ts';
import { placeOf } from './config.ts';
import type { End, Machine, Platform } from './platform.ts';
import { refusal } from './refusals.ts';

export async function listGuests(platform: Platform): Promise<Guest[]> {
  const machines = await platform.machines();
  return machines.map((machine) => guestOf(machine, machines));
}

export async function findGuest(platform: Platform, id: string): Promise<Guest> {
  const machines = await platform.machines();
  return guestOf(chosen(platform, machines, id), machines);
}

export async function findMachine(platform: Platform, id: string): Promise<Machine> {
  return chosen(platform, await platform.machines(), id);
}

/** The error for a change that did not bring what was asked for. It is thrown after a look, never instead of one. */
export function failure({ tools }: Platform, end: End, doing: string): AutopilotError {
  if (end.kind === 'failed') return refusal(tools, end.fault, doing);
  const { name } = tools;
  if (end.kind === 'done') {
    return new AutopilotError(
      'HA_REMOTE_REFUSED',
      `${name}: ${placeOf(tools)} says that it could ${doing}, and it is not so`,
      {
        next: 'see the recent tasks in its web client',
      },
    );
  }
  const text = `${name}: ${placeOf(tools)} does not answer: ${end.text}; whether it did ${doing} is not known`;
  return new AutopilotError('HA_REMOTE_UNREACHABLE', text, { next: 'it is looked at anew when this is tried again' });
}

function chosen({ tools }: Platform, machines: readonly Machine[], id: string): Machine {
  const [found, ...others] = machines.filter(({ name, uuid }) => name === id || uuid === id);
  if (found === undefined) {
    throw new AutopilotError('HA_NOT_FOUND', `${tools.name}: there is no guest "${id}" that this user may see`, {
      next: 'see the names in the web client; a guest is named by its name there, or by its instance UUID',
    });
  }
  if (others.length === 0) return found;
  const uuids = [found, ...others].map(({ uuid, ref }) => uuid ?? ref).join(', ');
  throw new AutopilotError('HA_CONFLICT', `${tools.name}: "${id}" are ${others.length + 1} guests: ${uuids}`, {
    next: 'write the uuid of the one that is meant as id, or rename the others',
  });
}

/** Its id is its name, unless that is another one's too or none that is let through. */
function guestOf({ name, uuid, state, node, lock, ref }: Machine, all: readonly Machine[]): Guest {
  const known =
    GuestId.safeParse(name).success && all.filter((one) => one.name === name || one.uuid === name).length === 1;
  return { id: known ? name : (uuid ?? ref), name, type: 'vm', state, node, lock };
}

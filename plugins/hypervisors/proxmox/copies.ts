/** Copies that trials make: found by their notes, and removed by the trial that made them. */
import { AutopilotError } from '#kernel/errors.ts';
import { trialOfNote } from '#sdk/guests.ts';
import { Resources, Status } from './answers.ts';
import { ask, type Pve, read } from './api.ts';
import { type At, failure, pathOf, presentAt } from './guests.ts';
import { bring } from './power.ts';
import { settingsOf } from './restores.ts';
import { disksIn, type Settings } from './settings.ts';
import { lastOwnTask, perform, settled } from './tasks.ts';

const MAKES = new Set(['qmrestore', 'vzrestore']);

/** @returns whether one was removed. What this trial did not make is left alone. */
export async function removeCopy(pve: Pve, { spare, trial }: { spare: string; trial: string }): Promise<boolean> {
  const nodes = await nodesUp(pve);
  // It may be being made yet: that is let end first.
  for (const node of nodes) await settled(pve, { node, vmid: spare });
  const at = await presentAt(pve, spare);
  const half = MAKES.has((await lastOwnTask(pve, nodes, spare))?.type ?? '');
  if (at === undefined) {
    if (half) await requireNothingUnseen(pve, spare);
    return false;
  }
  const settings = await settingsOf(pve, at);
  const { lock } = await read(pve, Status, { path: [...pathOf(at), 'status', 'current'] });
  const { description } = settings;
  const ours = typeof description === 'string' && trialOfNote(description) === trial;
  if (!ours && !(half && (lock === 'create' || isEmpty(at, settings)))) return false;
  if (lock !== undefined) throw cutShort(pve, at, lock);
  await bring(pve, at, { state: 'stopped', graceMs: 0, force: true });
  const params = { purge: 0, 'destroy-unreferenced-disks': 0 };
  const end = await perform(pve, at, { method: 'DELETE', path: pathOf(at), params });
  if ((await presentAt(pve, spare)) !== undefined)
    throw await failure(pve, at, { end, doing: `remove the copy ${spare}` });
  return true;
}

async function nodesUp(pve: Pve): Promise<string[]> {
  const all = await read(pve, Resources, { path: ['cluster', 'resources'], params: { type: 'node' } });
  return all.flatMap(({ node, status }) => (node === undefined || status !== 'online' ? [] : [node]));
}

/** What Proxmox VE leaves of a machine that could not be made: nothing is lost with it. */
function isEmpty({ type }: At, settings: Settings): boolean {
  const { disks, ofNode } = disksIn(type, settings);
  const unused = Object.keys(settings).some((key) => key.startsWith('unused'));
  return disks.length === 0 && ofNode.length === 0 && !unused && settings['description'] === undefined;
}

/** A copy that could not be made is in no pool, so a token with rights on the pool alone does not see what is left. */
async function requireNothingUnseen(pve: Pve, spare: string): Promise<void> {
  const reply = await ask(pve, { method: 'GET', path: ['cluster', 'nextid'], params: { vmid: spare } });
  if (reply.kind !== 'refused') return;
  throw new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${pve.tools.name}: ${spare} could not be made whole, and what is left of it cannot be seen`,
    {
      next: `look at ${spare} in the web interface of Proxmox VE: remove it when it is empty; else give the drill another id`,
    },
  );
}

function cutShort({ tools }: Pve, { vmid, type }: At, lock: string): AutopilotError {
  const tool = type === 'lxc' ? 'pct' : 'qm';
  return new AutopilotError(
    'HA_REMOTE_REFUSED',
    `${tools.name}: the copy ${vmid} is locked (${lock}): its making was cut short`,
    {
      next: `on its node:  ${tool} unlock ${vmid}  and then  ${tool} destroy ${vmid}`,
    },
  );
}

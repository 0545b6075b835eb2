/** What the token may do here, and which right is missing for what it may not. */
import type { Capability } from '#sdk/kinds/hypervisor.ts';
import { Permissions, Version } from './answers.ts';
import { type Pve, read } from './api.ts';
import { listGuests } from './guests.ts';

const NEEDED = {
  power: ['VM.PowerMgmt'],
  snapshot: ['VM.Snapshot'],
  restore: ['VM.Snapshot', 'VM.PowerMgmt'],
} as const;

/** Rights that are missing on one path, as the node itself reckons them: from users, tokens, groups and pools. */
export async function missingOn(pve: Pve, path: string, rights: readonly string[]): Promise<string[]> {
  const granted = (await read(pve, Permissions, { path: ['access', 'permissions'], params: { path } }))[path] ?? {};
  return rights.filter((right) => !(right in granted));
}

export async function inspect(pve: Pve) {
  const { version } = await read(pve, Version, { path: ['version'] });
  const guests = await listGuests(pve);
  const paths = guests.map(({ id }) => `/vms/${id}`);
  const list: Capability = {
    name: 'list',
    possible: paths.length > 0,
    reason:
      paths.length > 0 ? '' : 'no guest is seen: the right VM.Audit is missing on every /vms/ID, or there is none',
  };
  const capabilities = [list];
  for (const [name, rights] of Object.entries(NEEDED)) {
    const lacking = await lackingOn(pve, paths, rights);
    capabilities.push(capability(name as keyof typeof NEEDED, paths.length === 0 ? [list.reason] : lacking));
  }
  capabilities.push(capability('backup', await missingForBackup(pve, paths)), capability('resources', []));
  const away = guests.filter(({ state }) => state === 'unknown');
  const warnings = away.map(({ id, node }) => `the node ${node} of the guest ${id} is not there`);
  return { version, capabilities, warnings };
}

function capability(name: Capability['name'], reasons: readonly string[]): Capability {
  return { name, possible: reasons.length === 0, reason: reasons.join('; ') };
}

async function missingForBackup(pve: Pve, paths: readonly string[]): Promise<string[]> {
  const { backup_storage: storage } = pve.tools.config;
  if (storage === undefined) return ['no backup_storage is configured'];
  const rights = ['Datastore.AllocateSpace', 'Datastore.Audit'];
  return [...(await lackingOn(pve, paths, ['VM.Backup'])), ...(await lackingOn(pve, [`/storage/${storage}`], rights))];
}

async function lackingOn(pve: Pve, paths: readonly string[], rights: readonly string[]): Promise<string[]> {
  const lacking = new Map<string, string[]>();
  for (const path of paths) {
    for (const right of await missingOn(pve, path, rights)) lacking.set(right, [...(lacking.get(right) ?? []), path]);
  }
  return [...lacking].map(([right, where]) => `the right ${right} is missing on ${where.join(', ')}`);
}

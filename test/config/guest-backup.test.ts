/** `guest:` of a backup is for guests whose platform keeps backups, and what it cannot have is told where it was written. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checkConfig } from '#config/load.ts';
import { loadPlugins } from '#host/plugins.ts';
import { written } from '#test/config/fixture.ts';

const { catalog } = await loadPlugins({ builtin: path.resolve(import.meta.dirname, '../../plugins') });

const HYPERVISORS = `hypervisors:
  pve: { type: proxmox, url: "https://pve.lan:8006", token: a@pve!b=c, backup_storage: vault }
  dock: { type: docker }
  bare: { type: proxmox, url: "https://pve.lan:8006", token: a@pve!b=c }
destinations: { usb: { type: local, path: /mnt/usb } }
`;

/** A service with `backup.guest`, in the guest of that hypervisor. */
async function read(own: string, { guest, everyone = '' }: { guest?: string; everyone?: string } = {}) {
  const named = guest === undefined ? '' : `    guest: { hypervisor: ${guest}, id: 104 }\n`;
  const service = `  - name: notes\n    type: generic\n${named}    backup: { destinations: [usb], paths: [/srv]${own} }\n`;
  const cwd = await written({ 'homelab-autopilot.yaml': `${HYPERVISORS}${everyone}services:\n${service}` });
  const { config, errors } = await checkConfig({ cwd, env: {}, catalog });
  const { guest: rules, drill } = config?.services[0]?.backup ?? {};
  return { rules, drill: drill?.guest, told: errors.map((issue) => formatIssue(issue, cwd)) };
}

test.each([
  ['', null],
  [', guest: false', null],
  [', guest: true', { storage: null, keepLast: 7 }],
  [', guest: { storage: vault, keep_last: 2 }', { storage: 'vault', keepLast: 2 }],
])('%j says what the platform is to keep', async (own, rules) => {
  expect(await read(own, { guest: 'pve' })).toMatchObject({ rules, told: [] });
});

test.each([
  [undefined, 'the service names no guest: write  guest: { hypervisor: NAME, id: ID }  to it'],
  ['dock', '"dock" keeps no backups of its guests: hypervisors of type docker have none'],
  ['bare', '"bare" cannot keep it: no storage for backups is named; give it backup_storage: NAME'],
])('in a guest of %s it is refused, with the reason', async (guest, reason) => {
  const { told } = await read(', guest: true', guest === undefined ? {} : { guest });

  const line = guest === undefined ? 9 : 10;
  expect(told).toEqual([`homelab-autopilot.yaml:${line}:58  services[0].backup.guest\n  ${reason}`]);
});

test('said for all services, it holds for those that can have it', async () => {
  const everyone = 'backup: { guest: { keep_last: 3 } }\n';

  expect(await read('', { guest: 'pve', everyone })).toMatchObject({ rules: { storage: null, keepLast: 3 }, told: [] });
  expect(await read('', { guest: 'dock', everyone })).toMatchObject({ rules: null, told: [] });
  expect(await read(', guest: { storage: attic }', { guest: 'bare' })).toMatchObject({
    rules: { storage: 'attic' },
    told: [],
  });
  expect(await read('', { everyone })).toMatchObject({ rules: null, told: [] });
});

test.each([
  ['', null],
  [', drill: { guest: false }', null],
  [', drill: { guest: { spare: 9104 } }', { spare: '9104', storage: null, pool: null }],
  [
    ', drill: { guest: { spare: 9104, storage: tank, pool: drills } }',
    { spare: '9104', storage: 'tank', pool: 'drills' },
  ],
])('%j says how a backup of the guest is tried out', async (own, drill) => {
  expect(await read(own, { guest: 'pve' })).toMatchObject({ drill, told: [] });
});

test.each([
  ['pve', 104, '104 is the guest itself; name an id that no guest has'],
  ['dock', 9104, '"dock" cannot try backups of its guests: hypervisors of type docker have none'],
  [undefined, 9104, 'the service names no guest: write  guest: { hypervisor: NAME, id: ID }  to it'],
])('in a guest of %s a copy %i of it is refused, with the reason', async (guest, spare, reason) => {
  const { told } = await read(`, drill: { guest: { spare: ${spare} } }`, guest === undefined ? {} : { guest });

  const line = guest === undefined ? 9 : 10;
  expect(told).toEqual([`homelab-autopilot.yaml:${line}:67  services[0].backup.drill.guest\n  ${reason}`]);
});

test('drills of guests that are said for all services hold for those that can have them', async () => {
  const everyone = 'backup: { drill: { guest: { spare: 9104 } } }\n';

  expect(await read('', { guest: 'pve', everyone })).toMatchObject({ drill: { spare: '9104' }, told: [] });
  expect(await read('', { guest: 'dock', everyone })).toMatchObject({ drill: null, told: [] });
  expect(await read('', { everyone })).toMatchObject({ drill: null, told: [] });
});

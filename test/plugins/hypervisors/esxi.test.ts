/** What an ESXi host may say and a user may write: odd, hostile and cut short. */
import { expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { Build, disksOf, obstaclesOf } from '#plugins/hypervisors/esxi/devices.ts';
import { plugin } from '#plugins/hypervisors/esxi/index.ts';
import { element, readXml } from '#plugins/hypervisors/esxi/markup.ts';
import { readReply } from '#plugins/hypervisors/esxi/soap.ts';
import { shotsIn, summaryIn } from '#plugins/hypervisors/esxi/vim-cmd.ts';
import { known } from '#test/plugins/notifications/channel.ts';
import { faultEnvelope } from '#test/support/vsphere/client.ts';

const API = { url: 'https://esxi.lan', username: 'autopilot', password: known('x') };
const SSH = { host: 'esxi.lan', host_key: 'ssh-ed25519 AAAA', private_key: known('x') };

test.each<[string, JsonObject]>([
  ['plain HTTP', { ...API, url: 'http://esxi.lan' }],
  ['a password in the address', { ...API, url: 'https://root:x@esxi.lan' }],
  ['a path in the address', { ...API, url: 'https://esxi.lan/sdk' }],
  ['no password', { url: API.url, username: 'root' }],
  ['no address at all', {}],
  ['a fingerprint that is none', { ...API, fingerprint: 'AA:BB' }],
  ['a fingerprint and an authority', { ...API, fingerprint: 'AA:'.repeat(31) + 'AA', ca_file: '/etc/ca.pem' }],
  ['a host that looks like an option', { ssh: { ...SSH, host: '-oProxyCommand=x' } }],
  ['a host key that is none', { ssh: SSH }],
])('is not accepted with %s', async (_, config) => {
  await using harness = await openPlugin(plugin);

  await expect(harness.run('inspect', config)).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
});

test('a text stays a text in XML, and comes back as it was', () => {
  const text = `<a b="1">'&amp;'</a>\n\t\r ]]> &#65; %2f`;
  const { markup } = element('x', [element('name', text, { type: text })]);

  expect(readXml(markup)).toEqual({ x: { name: { '#text': text, '@type': text } } });
});

test.each([
  '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
  '<!doctype x SYSTEM "file:///etc/passwd"><x/>',
  '<html><body>502 Bad Gateway',
  'not XML',
  '',
])('what is no answer of vSphere is taken for none: %s', (text) => {
  expect(readReply(text, 'Login')).toBeUndefined();
});

test('entities other than the five of XML are not looked up', () => {
  expect(readXml('<x>&nbsp;&amp;lt;&#60;&#x3e;&#x110000;</x>')).toEqual({ x: '&nbsp;&lt;<>&#x110000;' });
});

test('an answer to another call than was made is none, and a fault says its type and the right that is missing', () => {
  const detail = '<privilegeId>VirtualMachine.Interact.PowerOn</privilegeId>';

  expect(readReply('<E:Envelope><E:Body><LogoutResponse/></E:Body></E:Envelope>', 'Login')).toBeUndefined();
  expect(readReply(faultEnvelope('NoPermission', detail), 'Login')).toMatchObject({
    kind: 'fault',
    fault: { type: 'NoPermission', privilege: 'VirtualMachine.Interact.PowerOn' },
  });
});

test('an independent disk is left out, and a raw device, a shared bus or a pending consolidation is in the way', () => {
  const device = (type: string, inner: string) => `<VirtualDevice xsi:type="${type}">${inner}</VirtualDevice>`;
  const build = (devices: string, more: JsonObject = {}) => {
    const xml = readXml(`<val>${devices}</val>`) as { val: unknown };
    const read = Build.parse({ 'config.hardware.device': xml.val, ...more });
    return { disks: disksOf(read), obstacles: obstaclesOf(read) };
  };
  const disk = (mode: string, more = '') =>
    device(
      'VirtualDisk',
      `<deviceInfo><label>Hard disk</label></deviceInfo><backing><diskMode>${mode}</diskMode>${more}</backing>`,
    );
  const physical = '<compatibilityMode>physicalMode</compatibilityMode>';

  expect(build(disk('persistent') + disk('independent_persistent'))).toEqual({
    disks: [
      { label: 'Hard disk', mode: 'persistent', raw: false },
      { label: 'Hard disk', mode: 'independent_persistent', raw: false },
    ],
    obstacles: [],
  });
  expect(build(disk('persistent', physical)).disks).toMatchObject([{ raw: true }]);
  expect(build(disk('independent_persistent', physical)).disks).toMatchObject([{ raw: false }]);
  expect(build(device('ParaVirtualSCSIController', '<sharedBus>virtualSharing</sharedBus>')).obstacles).toHaveLength(1);
  expect(build('', { 'runtime.consolidationNeeded': 'true' }).obstacles).toEqual([
    expect.stringContaining('consolidation'),
  ]);
});

const TREE = `Get Snapshot:
|-ROOT
--Snapshot Name        : before upgrade
--Snapshot Id        : 3
--Snapshot Desciption  : two
lines
--Snapshot Created On  : 11/29/2017 23:59:6
--Snapshot State       : powered on
--|-CHILD
----Snapshot Name        : autopilot-b7k2
----Snapshot Id        : 4
----Snapshot Desciption  : 
----Snapshot Created On  : 8/10/2016 14:4:41
----Snapshot State       : powered off
`;

test('the tree of snapshots that vim-cmd prints is read with its children and with descriptions of many lines', () => {
  expect(shotsIn(TREE)).toEqual([
    {
      ref: '3',
      name: 'before upgrade',
      description: 'two\nlines',
      createdAt: '2017-11-29T23:59:06.000Z',
      poweredOn: true,
    },
    { ref: '4', name: 'autopilot-b7k2', description: '', createdAt: '2016-08-10T14:04:41.000Z', poweredOn: false },
  ]);
  expect(shotsIn('Get Snapshot:\n')).toEqual([]);
});

test.each([
  ['that is cut short', TREE.slice(0, -40)],
  ['with one handle twice, as a description can fake it', TREE.replace('Id        : 4', 'Id        : 3')],
])('a tree of snapshots %s is refused', (_, text) => {
  expect(() => shotsIn(text)).toThrow(/not understood/);
});

test('what vim-cmd prints of a machine is refused when it has no name in it', () => {
  expect(() => summaryIn('(vim.vm.Summary) {\n   vm = <unset>\n}\n')).toThrow(/not understood/);
});

/** A worker that lives in the guest of its service: what breaks the guest takes the worker along, and both come back. */
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { RunDetail } from '#engine/run.ts';
import { GUEST, type InhabitedGuest, openInhabitedGuest } from '#test/support/inhabited-guest.ts';
import { needsLxc } from '#test/support/lxc.ts';

/** A service is files of the guest: its program, its data, and whether it runs. */
const PROGRAM = `set -eu
cd /srv/$2
case $1 in
stop) rm -f running ;;
start) touch running ;;
version) cat program ;;
whole) test -e running && test ! -e spoiled && cat note ;;
update)
  v=$HOMELAB_AUTOPILOT_VERSION
  echo $v > program
  echo $v > schema
  touch running
  case $v in *-bad | *-off) rm note; touch spoiled ;; esac
  case $v in *-off) rm /etc/inittab; kill -USR1 1; sleep 60 ;; esac
  ;;
esac
`;

const serviceOf = (name: string, destination: string) => `
  - name: ${name}
    type: generic
    host: guest
    guest: { hypervisor: pve, id: ${GUEST} }
    validate: [{ type: command, command: [sh, /srv/run.sh, whole, ${name}] }]
    backup:
      paths: [/srv/${name}]
      destinations: [${destination}]
      quiesce: { stop: [[sh, /srv/run.sh, stop, ${name}]], start: [[sh, /srv/run.sh, start, ${name}]] }
    update:
      check: [cat, /srv/newest]
      command: [sh, /srv/run.sh, update, ${name}]
      version: [sh, /srv/run.sh, version, ${name}]
`;

/** The copies of the second one go back in time with the guest. */
const SERVICES = `${serviceOf('notes', 'nas')}${serviceOf('diary', 'inside')}`;

const stack = new AsyncDisposableStack();
let guest: InhabitedGuest;

afterAll(() => stack.disposeAsync());

beforeEach(async (context) => {
  needsLxc(context);
  const files = { '/srv/run.sh': PROGRAM, '/srv/inside/.keep': '' };
  guest ??= stack.use(await openInhabitedGuest(context, { services: SERVICES, files }));
  const begin = 'echo 1 > program; echo 1 > schema; echo precious > note; touch running';
  for (const name of ['notes', 'diary']) await guest.inside(`mkdir -p /srv/${name}; cd /srv/${name}; ${begin}`);
});

async function update(version: string, service = 'notes'): Promise<RunDetail> {
  await guest.inside(`echo ${version} > /srv/newest`);
  return await guest.update(service);
}

const BEFORE = '1\n1\nprecious\nnote\nprogram\nrunning\nschema';
const UNDONE = ['restoreSnapshot', 'reseal', 'standby', 'restore', 'revert', 'validate'];
const undone = ({ steps }: RunDetail) => steps.filter(({ undo }) => undo).map(({ action }) => action);
const filesOf = (service = 'notes') => guest.inside(`cd /srv/${service} && cat program schema note && ls`);

test('an update that works stays, and the snapshot of before is gone', async () => {
  const run = await update('2');

  expect(run).toMatchObject({ status: 'succeeded' });
  expect(await filesOf()).toBe(BEFORE.replace('1\n1', '2\n2'));
  await guest.expectNothingLeft();
});

test.each([
  [
    'an update that spoils the guest is undone by its snapshot, and the worker there goes on with the way back',
    '3-bad',
  ],
  ['an update that leaves the guest off, and unable to start, is undone although its worker died of it', '4-off'],
])('%s', async (_, version) => {
  const run = await update(version);

  expect(run).toMatchObject({ status: 'rolled_back' });
  expect(undone(run)).toEqual(UNDONE);
  expect(await filesOf()).toBe(BEFORE);
  await guest.expectNothingLeft();
});

test('a service whose only copies are in the guest itself is not left down: what went back with it is verified again', async () => {
  const run = await update('5-bad', 'diary');

  expect(run).toMatchObject({ status: 'rolled_back' });
  expect(undone(run)).toEqual(UNDONE);
  expect(run.steps).toContainEqual(
    expect.objectContaining({ action: 'reseal', summary: expect.stringContaining('read back') }),
  );
  expect(await filesOf('diary')).toBe(BEFORE);
  await guest.expectNothingLeft();
});

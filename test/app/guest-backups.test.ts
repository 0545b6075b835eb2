/** The backups of a whole guest: asked of the hypervisor of the service, newest first; who has none is told so. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type GuestBackups, guestBackups } from '#app/guest-backups.ts';
import { createCatalog } from '#host/catalog.ts';
import { plugin as docker } from '#plugins/hypervisors/docker/index.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { tempDir } from '#test/support/tmp.ts';

let ask: (service: string) => Promise<GuestBackups>;

const backup = (id: string, run: string | null) => ({
  id,
  guest: '104',
  storage: 'shelf',
  createdAt: '2026-03-01T02:00:00.000Z',
  sizeBytes: 1,
  run,
  verified: null,
});

beforeEach(async (context) => {
  const dir = await tempDir();
  context.onTestFinished(() => dir[Symbol.asyncDispose]());
  const file = join(dir.path, 'guests.json');
  const backups = [backup('older', 'r1'), backup('newer', null)];
  const other = { ...backup('of-another', 'r2'), guest: '105' };
  const guest = { name: 'notes', type: 'vm', state: 'running' };
  await writeFile(
    file,
    JSON.stringify([
      { ...guest, id: '104', backups },
      { ...guest, id: '105', backups: [other] },
    ]),
  );
  const at = (name: string, type: string, hosts = ['nas']) => ({ name, type, config: { file }, hosts });
  const named = (name: string, hypervisor: string) => serviceNamed(name, { guest: { hypervisor, id: '104' } });
  const base = configOf({
    hypervisors: [at('pve', 'shelf'), at('away', 'shelf', ['docker-1']), at('engine', 'docker')],
    services: [named('notes', 'pve'), named('far', 'away'), named('web', 'engine'), serviceNamed('plain')],
  });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };
  const settings = { config, catalog: createCatalog([shelf, docker]), problems: [] };
  ask = async (service) => await guestBackups(settings, service, new AbortController().signal);
});

test('those of its own guest come, ours and others, newest first', async () => {
  const found = await ask('notes');

  expect(found).toMatchObject({ hypervisor: 'pve', guest: '104', backups: [{ id: 'newer' }, { id: 'older' }] });
});

test.each([
  ['plain', 'HA_USAGE', 'plain names no guest'],
  ['web', 'HA_USAGE', 'engine keeps no backups of whole guests'],
  ['far', 'HA_USAGE', 'away is not reached from nas'],
  ['nots', 'HA_NOT_FOUND', 'there is no service "nots"'],
])('what cannot be asked is told with what to do: %s', async (service, code, message) => {
  await expect(ask(service)).rejects.toMatchObject({ code, message, next: expect.stringMatching(/./) });
});

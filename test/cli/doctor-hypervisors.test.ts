/** `doctor` on hypervisors: whether they answer, and whether the guests of services can be protected. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hypervisorFindings } from '#cli/doctor/hypervisors.ts';
import { createCatalog } from '#host/catalog.ts';
import { configOf, serviceNamed } from '#test/cli/stage.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { tempDir } from '#test/support/tmp.ts';

test('one that answers is good, one that does not is broken, and one of other hosts is not asked', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'guests.json');
  const guests = [
    { id: '104', name: 'notes', type: 'vm', state: 'running' },
    { id: '105', name: 'media', type: 'vm', state: 'changing' },
  ];
  await writeFile(file, JSON.stringify(guests));
  const at = (name: string, path: string, hosts = ['nas']) => ({ name, type: 'shelf', config: { file: path }, hosts });
  const base = configOf({
    hypervisors: [at('good', file), at('gone', '/no/such/file'), at('away', file, ['docker-1'])],
    services: [
      serviceNamed('notes', { guest: { hypervisor: 'good', id: '104' } }),
      serviceNamed('media', { guest: { hypervisor: 'good', id: '105' } }),
      serviceNamed('lost', { guest: { hypervisor: 'good', id: '106' } }),
    ],
  });
  const config = { ...base, global: { ...base.global, stateDir: dir.path } };

  const findings = await hypervisorFindings(
    { config, catalog: createCatalog([shelf]), problems: [] },
    new AbortController().signal,
  );

  expect(findings).toMatchObject([
    { check: 'hypervisor good', status: 'ok' },
    { check: 'guest of notes', status: 'ok', detail: '104: the guest is running' },
    { check: 'guest of media', status: 'warning', detail: expect.stringContaining('media is not updated') },
    { check: 'guest of lost', status: 'broken', detail: 'there is no guest 106' },
    { check: 'hypervisor gone', status: 'broken' },
    { check: 'hypervisor away', status: 'ok', detail: 'reached from docker-1: run doctor there' },
  ]);
});

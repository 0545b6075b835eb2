/** `doctor`: what it finds, how it tells, and its exit status. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clockFinding } from '#cli/doctor/clock.ts';
import { examine } from '#cli/doctor/doctor.ts';
import { folderFinding, privacyFinding } from '#cli/doctor/folders.ts';
import { node, toolFindings } from '#cli/doctor/tools.ts';
import type { Finding } from '#cli/ports.ts';
import { stage } from '#test/cli/stage.ts';
import { tempDir } from '#test/support/tmp.ts';
import { lookAtLocked } from '#test/support/unprivileged.ts';

const FOUND: Finding[] = [
  { check: 'tar', status: 'ok', detail: '1.34', next: null },
  { check: 'redis', status: 'warning', detail: 'only snapshots are written', next: 'Set  appendonly yes' },
];

test('every line has a mark and what to do; a warning alone is not a failure', async () => {
  const { status, stdout } = await stage({ rooms: { doctor: async () => FOUND } }).run('doctor');

  expect(status).toBe(0);
  expect(stdout.split('\n')).toEqual([
    '✔ tar    1.34',
    '! redis  only snapshots are written',
    '         Next: Set  appendonly yes',
    '',
    'Works, with 1 warning.',
    '',
  ]);
});

test('something broken exits with 1, as JSON too', async () => {
  const broken: Finding = {
    check: 'zstd',
    status: 'broken',
    detail: 'zstd is not installed',
    next: 'apt install zstd',
  };
  const staged = stage({ rooms: { doctor: async () => [...FOUND, broken] } });

  const { status, stdout } = await staged.run('doctor', '--json');

  expect(status).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ healthy: false, findings: [{}, {}, { status: 'broken' }] });
});

test.each([
  ['24.12.0', 'ok'],
  ['25.0.0', 'ok'],
  ['24.11.9', 'broken'],
  ['18.20.4', 'broken'],
])('Node %s is %s', async (version, status) => {
  expect((await node(version)).status).toBe(status);
});

test('a tool that is missing is named with its package', async () => {
  const findings = await toolFindings({ path: '/nowhere', needsRedis: true });

  expect(findings.filter(({ status }) => status === 'broken')).toMatchObject([
    { check: 'tar', next: 'apt install tar' },
    { check: 'zstd', next: 'apt install zstd' },
    { check: 'sha256sum', next: 'apt install coreutils' },
    { check: 'redis-server', next: 'apt install redis-server' },
  ]);
});

test('a folder that does not exist yet is judged by the one above it', async () => {
  await using dir = await tempDir();

  const finding = await folderFinding('state folder', join(dir.path, 'a/b'));

  expect(finding).toMatchObject({ status: 'ok', detail: expect.stringContaining('(will be made)') });
});

test('a folder that may not be written is broken', async () => {
  const { folder, finding } = await lookAtLocked();

  expect(finding).toMatchObject({
    status: 'broken',
    detail: expect.stringContaining(`${folder} may not be written by`),
  });
  expect(finding.next).toContain('chown');
});

test('a state file that everybody can read is a warning', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'state.db');
  await writeFile(file, '', { mode: 0o600 });

  const before = await privacyFinding(file);
  await chmod(file, 0o644);
  const after = await privacyFinding(file);

  expect(before).toBeNull();
  expect(after).toMatchObject({ status: 'warning', next: `chmod o-rwx ${file}` });
});

test('a clock before the installation is broken', async () => {
  const finding = await clockFinding({ now: new Date('1970-01-02T00:00:00Z'), path: '/nowhere', zone: 'UTC' });

  expect(finding).toMatchObject({ check: 'clock', status: 'broken' });
});

test('a configuration that cannot be read does not keep the rest from being looked at', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'none.yaml');

  const findings = await examine({ config: file, signal: new AbortController().signal });

  expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['node', 'tar', 'clock', 'configuration']));
  expect(findings.at(-1)).toMatchObject({ check: 'configuration', status: 'broken' });
});

test('with nothing running, a good configuration has no broken finding but what this machine lacks', async () => {
  await using dir = await tempDir();
  const file = join(dir.path, 'ha.yaml');
  const state = `global: { state_dir: ${dir.path}/state, log_dir: ${dir.path}/log }`;
  await writeFile(file, `version: 1\n${state}\ndestinations: { here: { type: local, path: ${dir.path}/here } }\n`);

  const findings = await examine({ config: file, signal: new AbortController().signal });

  expect(findings.find(({ check }) => check === 'redis')).toMatchObject({ status: 'warning' });
  expect(findings.find(({ check }) => check === 'state folder')).toMatchObject({ status: 'ok' });
  expect(findings.find(({ check }) => check === 'destination here')?.status).not.toBe('warning');
});

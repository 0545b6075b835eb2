/** Faults and oddities that need more than one file, or are not errors. */
import { describe, expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

describe('services.d', () => {
  const files = { 'services.d/10-more.yaml': '- name: caddy\n  type: generic\n- name: notes\n  type: generic\n' };

  test('a service configured twice is told with both places', async () => {
    const { errors, directory } = await checked(SOUND, { files });

    expect(errors.map((issue) => formatIssue(issue, directory))).toEqual([
      `services.d/10-more.yaml:3:9  services[1].name\n  the service "notes" is configured twice; the other is at ${directory}/homelab-autopilot.yaml:15:11`,
    ]);
  });

  test('a file holds services only', async () => {
    const { errors, directory } = await checked(SOUND, {
      files: { 'services.d/x.yaml': 'serivces: []\nbackup: {}\n' },
    });

    expect(errors.map((issue) => formatIssue(issue, directory))).toEqual([
      'services.d/x.yaml:1:1  serivces\n  files in services.d hold services only; "serivces" does not belong here; did you mean "services"?',
      'services.d/x.yaml:2:1  backup\n  files in services.d hold services only; "backup" does not belong here',
    ]);
  });

  test('a file with another ending is passed over with a warning', async () => {
    const { errors, warnings } = await checked(SOUND, { files: { 'services.d/caddy.yml': '- name: caddy\n' } });

    expect(errors).toEqual([]);
    expect(warnings).toMatchObject([{ message: 'not read: file names here end in .yaml' }]);
  });
});

describe('warnings', () => {
  test('a schedule that never fires', async () => {
    const { errors, warnings, directory } = await checked(SOUND.replace('0 3 * * *', '0 0 31 2 *'));

    expect(errors).toEqual([]);
    expect(warnings.map((issue) => formatIssue(issue, directory))).toEqual([
      'homelab-autopilot.yaml:11:13  backup.schedule\n  "0 0 31 2 *" never fires: there is no such date',
    ]);
  });
});

/** What the configuration says of versions: policies, ages, filters of tags, and registries. */
import { describe, expect, test } from 'vitest';
import { readInlineSecret } from '#config/secrets.ts';
import { checked, SOUND, written } from '#test/config/fixture.ts';

async function updateOf(updates: string, own: string) {
  const service = SOUND.replace('      paths: [/srv/notes]\n', `      paths: [/srv/notes]\n    ${own}\n`);
  const { config, errors } = await checked(`updates: ${updates}\n${service}`);
  return { errors: errors.map(({ path, message }) => `${path}: ${message}`), config };
}

describe('the policy of a service', () => {
  test('is minor, for versions of any age, when nothing is said', async () => {
    const { config } = await updateOf('{}', '');

    expect(config?.services[0]?.update).toMatchObject({ policy: 'minor', minAgeMs: 0, tags: null });
    expect(config?.registries).toEqual({});
  });

  test('is its own, or else that of the top level, key by key', async () => {
    const { config, errors } = await updateOf(
      '{ policy: patch, min_age: 3d }',
      'update: { policy: major, tags: "^1\\\\." }',
    );

    expect(errors).toEqual([]);
    expect(config?.services[0]?.update).toMatchObject({ policy: 'major', minAgeMs: 259_200_000, tags: '^1\\.' });
  });

  test('may have a filter for each part of the service', async () => {
    const { config } = await updateOf('{}', 'update: { tags: { web: "-alpine$" } }');

    expect(config?.services[0]?.update.tags).toEqual({ web: '-alpine$' });
  });

  test.each([
    ['{ policy: latest }', '', 'updates.policy'],
    ['{ min_age: soon }', '', 'updates.min_age'],
    ['{ rollback: { mode: maybe } }', '', 'updates.rollback.mode'],
    ['{ rollback: { ask_after: soon } }', '', 'updates.rollback.ask_after'],
    ['{}', 'update: { tags: "(" }', 'services[0].update.tags'],
    ['{}', 'update: { tags: "(?=x)" }', 'services[0].update.tags'],
    ['{}', 'update: { tags: { web: "[" } }', 'services[0].update.tags.web'],
    ['{}', 'update: { registries: {} }', 'services[0].update.registries'],
    ['{ registries: { "https://ghcr.io": {} } }', '', 'updates.registries'],
    ['{ registries: { ghcr.io/me: {} } }', '', 'updates.registries'],
    ['{ registries: { ghcr.io: { username: me } } }', '', 'updates.registries.ghcr.io'],
    ['{ registries: { ghcr.io: { token: x } } }', '', 'updates.registries.ghcr.io.token'],
  ])('%s %s is refused', async (updates, own, place) => {
    const { errors } = await updateOf(updates, own);

    expect(errors).toEqual([expect.stringContaining(place)]);
  });
});

describe('the schedule of updates', () => {
  test('is for services that have an update section of their own, and starts within the window', async () => {
    const updates = '{ schedule: "0 5 * * sat", window: { start: "04:00", duration: 3h, every: [sat, sun] } }';

    const silent = await updateOf(updates, '');
    const own = await updateOf(updates, 'update: {}');

    expect([...silent.errors, ...own.errors]).toEqual([]);
    expect(silent.config?.services[0]?.update.schedule).toBeNull();
    expect(own.config?.services[0]?.update.schedule).toMatchObject({
      cron: '0 5 * * sat',
      window: { durationMs: 10_800_000 },
    });
  });

  test('needs a backup to come back to', async () => {
    const text = 'services:\n  - { name: notes, type: generic, update: { schedule: "@daily" } }\n';

    const { errors } = await checked(text);

    expect(errors).toMatchObject([{ path: 'services[0].update', message: expect.stringContaining('backup') }]);
  });
});

describe('a registry', () => {
  test('has its password as a reference, which is fetched where it is used', async () => {
    const { config, errors } = await updateOf(
      '{ registries: { ghcr.io: { username: me, password_file: token }, "registry.lan:5000": { insecure: true } } }',
      '',
    );

    expect(errors).toEqual([]);
    const source = { from: 'file', file: expect.stringMatching(/\/token$/) };
    const password = { $secret: { path: 'updates.registries.ghcr.io.password', source } };
    expect(config?.registries).toEqual({
      'ghcr.io': { username: 'me', password },
      'registry.lan:5000': { insecure: true },
    });
  });

  test('may have its password in the file itself, although its name has dots', async () => {
    const directory = await written({
      'homelab-autopilot.yaml': 'updates: { registries: { ghcr.io: { username: me, password: "in here" } } }\n',
    });

    const value = await readInlineSecret({ cwd: directory, env: {} }, 'updates.registries.ghcr.io.password');

    expect(value).toBe('in here');
  });
});

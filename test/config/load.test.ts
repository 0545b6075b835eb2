/** What a configuration compiles to. */
import { chmod } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '#config/load.ts';
import { DEFAULT_MONITORING } from '#config/monitoring.ts';
import { plainRules } from '#schedule/rules.ts';
import { catalog, checked, SOUND, written } from '#test/config/fixture.ts';

async function loaded(main: string, options: Parameters<typeof checked>[1] = {}) {
  const { config, errors, directory } = await checked(main, options);
  expect(errors).toEqual([]);
  if (config === null) throw new Error('no errors, and no configuration');
  return { ...config, directory };
}

describe('defaults', () => {
  test('an empty file is a whole configuration', async () => {
    const { directory, ...config } = await loaded('');

    expect(config).toEqual({
      file: path.join(directory, 'homelab-autopilot.yaml'),
      global: {
        name: 'home',
        timezone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
        host: os.hostname(),
        stateDir: '/var/lib/homelab-autopilot',
        logDir: '/var/log/homelab-autopilot',
        logLevel: 'info',
        priority: { nice: 10, ionice: 'idle' },
        timeoutMs: 3_600_000,
        parallelism: { backups: 2, updates: 1 },
      },
      redis: null,
      hosts: [os.hostname()],
      hypervisors: [],
      destinations: [],
      notifications: { cooldownMs: 1_800_000, channels: [], routes: [], report: null },
      registries: {},
      identity: null,
      monitoring: DEFAULT_MONITORING,
      services: [],
      pluginDir: path.join(directory, 'plugins.d'),
      warnings: [],
    });
  });

  test('a section with nothing in it is an empty one', async () => {
    const config = await loaded('global:\nredis:\nhosts:\n  b:\ndestinations:\nbackup:\nservices:\n');

    expect(config).toMatchObject({ redis: null, hosts: [os.hostname(), 'b'], destinations: [], services: [] });
  });

  test('relative paths count from the directory of the file that they are written in', async () => {
    const { directory, ...config } = await loaded(SOUND.replace('host: nas', 'host: nas\n  state_dir: state'), {
      files: { 'services.d/more.yaml': '- { name: b, type: generic, backup: { paths: [data] } }' },
    });

    expect(config.global.stateDir).toBe(path.join(directory, 'state'));
    expect(config.destinations[1]?.config).toEqual({ path: path.join(directory, 'vault'), require_mount: false });
    expect(config.services[1]?.config).toMatchObject({ backup: { paths: [path.join(directory, 'services.d/data')] } });
  });
});

describe('services', () => {
  test('a service gets its plugin’s keys with defaults, the local host and the backup defaults', async () => {
    const { services } = await loaded(SOUND);

    expect(services).toEqual([
      {
        name: 'notes',
        type: 'generic',
        host: 'nas',
        dependsOn: [],
        checks: [],
        heartbeats: [],
        heal: null,
        guest: null,
        config: {
          validate: [],
          backup: { paths: ['/srv/notes'], exclude: [], quiesce: { stop: [], timeout: '60s' } },
          update: {},
        },
        backup: {
          schedule: plainRules('0 3 * * *', 'Europe/Berlin'),
          ping: null,
          destinations: ['usb', 'vault'],
          compression: { algorithm: 'zstd', level: 3 },
          encryption: { recipients: [], identity: null },
          retention: { keep_daily: 7, min_keep: 1, timezone: 'Europe/Berlin' },
          timeoutMs: 3_600_000,
          guest: null,
          drill: {
            schedule: null,
            ping: null,
            destination: null,
            databases: true,
            probes: true,
            guest: null,
            maxBytes: 50 * 2 ** 30,
            timeoutMs: 3_600_000,
          },
        },
        update: expect.objectContaining({ policy: 'minor' }),
      },
    ]);
  });

  test('what a service says of its backup goes over the defaults: maps key by key, the rest as a whole', async () => {
    const own = `      schedule: false
      destinations: [usb]
      compression: { level: 9 }
      retention: { keep-last: 2, keep_within: 2d }
      timeout: 6h
`;

    const { services } = await loaded(SOUND + own);

    expect(services[0]?.backup).toEqual({
      schedule: null,
      ping: null,
      destinations: ['usb'],
      compression: { algorithm: 'zstd', level: 9 },
      encryption: { recipients: [], identity: null },
      retention: {
        keep_daily: 7,
        keep_last: 2,
        keep_within_ms: 172_800_000,
        min_keep: 1,
        timezone: 'Europe/Berlin',
      },
      timeoutMs: 21_600_000,
      guest: null,
      drill: {
        schedule: null,
        ping: null,
        destination: null,
        databases: true,
        probes: true,
        guest: null,
        maxBytes: 50 * 2 ** 30,
        timeoutMs: 3_600_000,
      },
    });
  });

  test('a service without a backup section, or with one switched off, has no backup', async () => {
    const more = `  - { name: a, type: docker-compose, path: /opt/a }
  - { name: b, type: generic, backup: { enabled: false, paths: [/srv/b] } }
`;

    const { services } = await loaded(SOUND + more);

    expect(services.map(({ name, backup }) => [name, backup === null])).toEqual([
      ['notes', false],
      ['a', true],
      ['b', true],
    ]);
  });

  test('a service whose plugin has no backup keys is backed up with the defaults alone', async () => {
    const { services } = await loaded(`${SOUND}  - { name: a, type: docker-compose, path: /opt/a, backup: {} }\n`);

    expect(services[1]).toMatchObject({
      config: { path: '/opt/a', backup: {}, update: {} },
      backup: { destinations: ['usb', 'vault'] },
    });
  });

  test('a configuration is kept in a form that its plugin can read again', async () => {
    const { services } = await loaded('services: [{ name: a, type: docker-compose, path: /opt/a, wait: 2m }]');

    expect(services[0]?.config).toEqual({ path: '/opt/a', wait: '2m', backup: {}, update: {} });
  });

  test('the files of services.d follow the main file in name order, as lists or under "services"', async () => {
    const { services } = await loaded(SOUND, {
      files: {
        'services.d/20-b.yaml': '- { name: b, type: generic, host: docker-1 }',
        'services.d/10-a.yaml': 'services:\n  - { name: a, type: generic }',
        'services.d/30-empty.yaml': '# nothing yet\n',
        'services.d/notes.txt': 'not ours: [',
      },
    });

    expect(services.map(({ name, host }) => `${name}@${host}`)).toEqual(['notes@nas', 'a@nas', 'b@docker-1']);
  });

  test('anchors, aliases and merge keys work as in compose files', async () => {
    const { services } = await loaded(`${SOUND}      <<: &quiet { exclude: [tmp], quiesce: { stop: [web] } }
  - name: b
    type: generic
    backup: { <<: *quiet, paths: [/srv/b], exclude: [cache] }
`);

    expect(services.map(({ config }) => config['backup'])).toMatchObject([
      { exclude: ['tmp'], quiesce: { stop: ['web'] } },
      { exclude: ['cache'], quiesce: { stop: ['web'] } },
    ]);
  });

  test('a variable is read as a number where only a number will do', async () => {
    const main = `${SOUND}  - { name: b, type: generic, port: "\${PORT}", commands: { x: ["\${PORT}"] } }\n`;

    const { services } = await loaded(main, { env: { PORT: '587' } });

    expect(services[1]?.config).toMatchObject({ port: 587, commands: { x: ['587'] } });
  });
});

describe('secrets', () => {
  const SECRETS = `redis: { url: "redis://:hunter2@nas" }
destinations:
  a: { type: webdav, url: x, password_file: secrets/a }
  b: { type: webdav, url: x, password_command: "pass show 'my b'" }
  c: { type: webdav, url: x, password_command: [pass, show, c] }
services:
  - { name: my.app, type: generic, token: hunter2, validate: [{ type: tcp, port: 1, token_file: /t }] }
`;

  test('are references; a value that stands in the file does not leave it', async () => {
    const { directory, ...config } = await loaded(SECRETS);

    expect(JSON.stringify(config)).not.toContain('hunter2');
    expect(config.redis?.url).toEqual({ $secret: { path: 'redis.url', source: { from: 'configuration' } } });
    expect(config.destinations.map((entry) => entry.config['password'])).toEqual([
      {
        $secret: { path: 'destinations.a.password', source: { from: 'file', file: path.join(directory, 'secrets/a') } },
      },
      { $secret: { path: 'destinations.b.password', source: { from: 'command', command: ['pass', 'show', 'my b'] } } },
      { $secret: { path: 'destinations.c.password', source: { from: 'command', command: ['pass', 'show', 'c'] } } },
    ]);
    expect(config.services[0]?.config).toEqual({
      token: { $secret: { path: 'services.my.app.token', source: { from: 'configuration' } } },
      validate: [
        {
          type: 'tcp',
          port: 1,
          token: { $secret: { path: 'services.my.app.validate[0].token', source: { from: 'file', file: '/t' } } },
        },
      ],
      backup: {},
      update: {},
    });
  });

  test('a secret’s file that others can read is a warning with the cure', async () => {
    const directory = await written({ 'homelab-autopilot.yaml': 'redis: { url_file: url }', url: 'redis://x' });
    await chmod(path.join(directory, 'url'), 0o640);

    const config = await loadConfig({ cwd: directory, env: {}, catalog });

    expect(config.warnings).toEqual([
      {
        file: path.join(directory, 'homelab-autopilot.yaml'),
        line: 1,
        column: 20,
        path: 'redis.url_file',
        message: `others can read ${directory}/url (mode 0640); run  chmod 600 ${directory}/url`,
      },
    ]);
  });

  test('a secret in a configuration that everybody can read is a warning', async () => {
    const directory = await written({ 'homelab-autopilot.yaml': 'redis: { url: redis://x }' });
    await chmod(path.join(directory, 'homelab-autopilot.yaml'), 0o644);

    const { warnings } = await loadConfig({ cwd: directory, env: {}, catalog });

    expect(warnings.map(({ message }) => message)).toEqual([
      `everybody can read this secret (${directory}/homelab-autopilot.yaml has mode 0644); run  chmod o-r ${directory}/homelab-autopilot.yaml`,
    ]);
  });
});

describe('loadConfig', () => {
  test('fails with every error in the message', async () => {
    const directory = await written({ 'homelab-autopilot.yaml': 'globl: {}\nhosts: 5\n' });

    await expect(loadConfig({ cwd: directory, env: {}, catalog })).rejects.toMatchObject({
      code: 'HA_CONFIG_INVALID',
      message: `the configuration has 2 errors

homelab-autopilot.yaml:1:1  globl
  unknown key "globl"; did you mean "global"?

homelab-autopilot.yaml:2:8  hosts
  expected a map of keys, got 5`,
    });
  });
});

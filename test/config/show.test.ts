/** What `config show` and `config get` say. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { getKey, showConfig } from '#config/show.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

const WITH_SECRETS = `${SOUND}  - { name: my.app, type: generic, token: hunter2 }
redis:
  url_command: [printf, hunter2]
`.replace('  usb: {', '  web: { type: webdav, url: x, password_file: /etc/web }\n  usb: {');

describe('config show', () => {
  test('is YAML with the defaults filled in and no secret', async () => {
    const { effective, directory } = await checked(WITH_SECRETS);

    const text = showConfig(effective);

    expect(text).not.toContain('hunter2');
    expect(parse(text)).toEqual({
      version: 1,
      global: {
        name: 'home',
        timezone: 'Europe/Berlin',
        host: 'nas',
        state_dir: '/var/lib/homelab-autopilot',
        log_dir: '/var/log/homelab-autopilot',
        log_level: 'info',
        priority: { nice: 10, ionice: 'idle' },
        timeout: '1h',
        parallelism: { backups: 2, updates: 1 },
      },
      redis: { url_command: ['printf', '***'] },
      hosts: { nas: {}, 'docker-1': {} },
      hypervisors: {},
      destinations: {
        web: { type: 'webdav', url: 'x', password_file: '/etc/web' },
        usb: { type: 'local', path: '/mnt/usb', require_mount: false },
        vault: { type: 'local', path: `${directory}/vault`, require_mount: false },
      },
      notifications: { cooldown: '30m', channels: {} },
      backup: {
        enabled: true,
        schedule: '0 3 * * *',
        destinations: ['usb', 'vault'],
        compression: { algorithm: 'zstd', level: 3 },
        retention: { keep_daily: 7, min_keep: 1 },
        drill: { schedule: null, max_bytes: '50G', timeout: '1h', databases: true, probes: true },
      },
      monitoring: {
        enabled: true,
        interval: '60s',
        timeout: '10s',
        failure_threshold: 3,
        success_threshold: 2,
        reminder_interval: '6h',
        resources: {
          disk_used_percent: 90,
          inodes_used_percent: 90,
          memory_used_percent: 95,
          swap_used_percent: null,
          load_per_core: null,
        },
      },
      updates: {
        schedule: null,
        policy: 'minor',
        min_age: '0s',
        registries: {},
        gate: { timeout: '5m', stable_for: '30s' },
        rollback: { mode: 'auto', restore: ['image', 'config', 'data'] },
      },
      services: [
        {
          name: 'notes',
          type: 'generic',
          host: 'nas',
          validate: [],
          backup: {
            enabled: true,
            schedule: '0 3 * * *',
            destinations: ['usb', 'vault'],
            compression: { algorithm: 'zstd', level: 3 },
            retention: { keep_daily: 7, min_keep: 1 },
            drill: { schedule: null, max_bytes: '50G', timeout: '1h', databases: true, probes: true },
            paths: ['/srv/notes'],
            exclude: [],
            quiesce: { stop: [], timeout: '60s' },
          },
        },
        { name: 'my.app', type: 'generic', host: 'nas', validate: [], token: '***' },
      ],
    });
  });

  test('without secrets it is a configuration that means the same', async () => {
    const first = await checked(SOUND);

    const second = await checked(showConfig(first.effective));

    expect(second.errors).toEqual([]);
    expect(second.effective).toEqual(first.effective);
  });
});

describe('config get', () => {
  test.each([
    ['backup.retention.keep_daily', 7],
    ['global.timeout', '1h'],
    ['services.notes.host', 'nas'],
    ['services[0].backup.destinations[1]', 'vault'],
    ['services.my.app.token', '***'],
  ])('%s is %j', async (key, value) => {
    const { effective } = await checked(WITH_SECRETS);

    expect(getKey(effective, key)).toEqual(value);
  });

  test('an unknown key is told with the nearest one', async () => {
    const { effective } = await checked(SOUND);

    expect(() => getKey(effective, 'backup.retention.keep_dayly')).toThrow(
      expect.objectContaining({
        code: 'HA_NOT_FOUND',
        message: 'the configuration has no key "backup.retention.keep_dayly"',
        next: 'Did you mean "backup.retention.keep_daily"?',
      }),
    );
  });
});

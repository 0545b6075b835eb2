/** The `notifications:` section: what it compiles to, and what is wrong in it, with its place. */
import { describe, expect, test } from 'vitest';
import { configJsonSchema } from '#config/json-schema.ts';
import { plainRules } from '#schedule/rules.ts';
import { catalog, checked, SOUND } from '#test/config/fixture.ts';

const CHANNELS = `notifications:
  channels:
    chat: { type: pager, url_file: secret }
    mail: { type: pager, url: "https://example.org/abc" }
`;

async function errorsOf(section: string) {
  const { errors } = await checked(SOUND + section);
  return errors.map(({ line, column, path, message, suggestion }) => ({ line, column, path, message, suggestion }));
}

const first = SOUND.split('\n').length;

describe('what it compiles to', () => {
  test('channels with references to their secrets; without routes each is told of failures', async () => {
    const { config, directory, effective } = await checked(SOUND + CHANNELS);

    expect(config?.notifications).toEqual({
      cooldownMs: 1_800_000,
      channels: [
        {
          name: 'chat',
          type: 'pager',
          config: {
            url: {
              $secret: {
                path: 'notifications.channels.chat.url',
                source: { from: 'file', file: `${directory}/secret` },
              },
            },
            loud: false,
          },
        },
        {
          name: 'mail',
          type: 'pager',
          config: {
            url: { $secret: { path: 'notifications.channels.mail.url', source: { from: 'configuration' } } },
            loud: false,
          },
        },
      ],
      routes: [
        {
          events: ['*_failed', '*_warning', 'schedule_missed', 'needs_attention', 'service_down', 'service_recovered'],
          services: null,
          channels: ['chat', 'mail'],
          quietHours: null,
        },
      ],
      report: null,
    });
    expect(effective['notifications']).toEqual({
      cooldown: '30m',
      channels: {
        chat: { type: 'pager', url_file: `${directory}/secret`, loud: false },
        mail: { type: 'pager', url: '***', loud: false },
      },
    });
  });

  test('routes with quiet hours', async () => {
    const { config } = await checked(`${SOUND}${CHANNELS}  cooldown: 1h
  routes:
    - { events: [backup_failed], channels: [mail, mail], services: [notes] }
    - { events: ["*_success"], channels: [chat], quiet_hours: { start: "7:05", duration: 9h } }
`);

    expect(config?.notifications).toMatchObject({
      cooldownMs: 3_600_000,
      routes: [
        { events: ['backup_failed'], services: ['notes'], channels: ['mail'], quietHours: null },
        { events: ['*_success'], quietHours: { hour: 7, minute: 5, durationMs: 32_400_000 } },
      ],
    });
  });

  test('a report with the slots of its schedule, in the zone of the homelab', async () => {
    const { config, effective } = await checked(
      `${SOUND}${CHANNELS}  report: { schedule: "@weekly", channels: [mail] }\n`,
    );

    expect(config?.notifications.report).toEqual({
      schedule: plainRules('@weekly', 'Europe/Berlin'),
      channels: ['mail'],
    });
    expect(effective['notifications']).toMatchObject({ report: { schedule: '@weekly', channels: ['mail'] } });
  });

  test('nothing, when it is left out or empty', async () => {
    for (const text of [SOUND, `${SOUND}notifications:\n`, `${SOUND}notifications:\n  channels:\n`]) {
      const { config } = await checked(text);

      expect(config?.notifications).toMatchObject({ channels: [], routes: [] });
    }
  });
});

describe('what is wrong', () => {
  const route = (words: string) => `${CHANNELS}  routes:\n    - { ${words} }\n`;
  test.each([
    ['events: [backup_faild], channels: [chat]', 'events[0]', 'unknown event "backup_faild"', 'backup_failed'],
    ['events: ["*_availabel"], channels: [chat]', 'events[0]', 'unknown event "*_availabel"', undefined],
    ['events: ["*"], channels: [maill]', 'channels[0]', 'unknown channel "maill" (known: chat, mail)', 'mail'],
    ['events: ["*"], channels: [chat], services: [note]', 'services[0]', 'unknown service "note"', 'notes'],
    ['events: ["*"]', 'channels', 'missing key "channels"', undefined],
    ['events: [], channels: [chat]', 'events', '', undefined],
    ['events: ["*"], chanels: [chat], channels: [chat]', 'chanels', 'unknown key "chanels"', 'channels'],
    [
      'events: ["*"], channels: [chat], quiet_hours: { start: "25:00", duration: 1h }',
      'quiet_hours.start',
      '"22:00"',
      undefined,
    ],
    [
      'events: ["*"], channels: [chat], quiet_hours: { start: "22:00", duration: 24h }',
      'quiet_hours.duration',
      'less than 1d',
      undefined,
    ],
  ])('in the route { %s }', async (words, path, message, suggestion) => {
    const [error, ...more] = await errorsOf(route(words));

    expect(more).toEqual([]);
    expect(error).toMatchObject({ path: `notifications.routes[0].${path}`, line: first + 5, suggestion });
    expect(error?.message).toContain(message);
  });

  test.each([
    ['schedule: "@wekly", channels: [mail]', 'schedule', ''],
    ['schedule: "61 * * * *", channels: [mail]', 'schedule', ''],
    ['channels: [mail]', 'schedule', 'missing key "schedule"'],
    ['schedule: "@daily", channels: []', 'channels', ''],
    ['schedule: "@daily", channels: [mial]', 'channels[0]', 'unknown channel "mial" (known: chat, mail)'],
  ])('in the report { %s }', async (words, path, message) => {
    const [error, ...more] = await errorsOf(`${CHANNELS}  report: { ${words} }\n`);

    expect(more).toEqual([]);
    expect(error).toMatchObject({ path: `notifications.report.${path}`, line: first + 4 });
    expect(error?.message).toContain(message);
  });

  test('a report that is never due is warned of', async () => {
    const { warnings } = await checked(`${SOUND}${CHANNELS}  report: { schedule: "0 0 31 2 *", channels: [mail] }\n`);

    expect(warnings).toMatchObject([{ line: first + 4, message: expect.stringContaining('never fires') }]);
  });

  test('in a channel: its type, its keys, its secret', async () => {
    const errors = await errorsOf(`notifications:
  channels:
    a: { type: pagr, url: x }
    b: { type: pager }
    c: { type: pager, url: x, lod: true }
`);

    expect(errors).toMatchObject([
      {
        line: first + 2,
        column: 16,
        message: expect.stringContaining('unknown notification type'),
        suggestion: 'pager',
      },
      { line: first + 3, message: 'missing key "url", or "url_file", or "url_command"' },
      { line: first + 4, column: 31, message: 'unknown key "lod"', suggestion: 'loud' },
    ]);
  });

  test('a route to a channel that is itself wrong is not called wrong as well', async () => {
    const errors = await errorsOf(`notifications:
  channels: { chat: { type: nothing } }
  routes: [{ events: ["*"], channels: [chat] }]
`);

    expect(errors).toHaveLength(1);
  });
});

test('an editor knows the keys of each channel, and of routes', () => {
  const schema = JSON.stringify(configJsonSchema(catalog));

  expect(schema).toContain('url_command');
  expect(schema).toContain('quiet_hours');
});

/** Dead-man's switches in the configuration: beside each schedule, their addresses secret, and what is wrong with its place. */
import { expect, test } from 'vitest';
import { pingsOf } from '#app/schedules.ts';
import { configJsonSchema } from '#config/json-schema.ts';
import { catalog, checked, SOUND } from '#test/config/fixture.ts';

const withDefault = SOUND.replace(
  '  schedule: "0 3',
  '  ping: { url_file: ping-url, allow_private: true }\n  schedule: "0 3',
);

test('a default holds for each service that has the schedule, and a service may have its own, or none', async () => {
  const more = `      ping: { url: "https://hc.example.org/abc" }
      drill: { schedule: "@weekly", ping: { url_command: [pass, show, drill] } }
    update: { schedule: "@daily", ping: { url_file: other } }
  - { name: wiki, type: generic, backup: { paths: [/srv/wiki] } }
  - { name: off, type: generic, backup: { paths: [/srv/off], ping: null } }
  - { name: never, type: generic, backup: { paths: [/srv/never], schedule: false } }
`;

  const { config, errors, directory } = await checked(withDefault + more);

  expect(errors).toEqual([]);
  const pings = config === null ? [] : pingsOf(config);
  expect(pings.map(({ schedule, ping }) => [schedule, ping.url.$secret, ping.allowPrivate])).toEqual([
    ['backup.notes', { path: 'services.notes.backup.ping.url', source: { from: 'configuration' } }, true],
    ['backup.wiki', { path: 'backup.ping.url', source: { from: 'file', file: `${directory}/ping-url` } }, true],
    [
      'drill.notes',
      { path: 'services.notes.backup.drill.ping.url', source: { from: 'command', command: ['pass', 'show', 'drill'] } },
      false,
    ],
    [
      'update.notes',
      { path: 'services.notes.update.ping.url', source: { from: 'file', file: `${directory}/other` } },
      false,
    ],
  ]);
});

test('its address is shown nowhere', async () => {
  const { effective, config } = await checked(`${SOUND}      ping: { url: "https://hc.example.org/s3cret" }\n`);

  expect(JSON.stringify([effective, config])).not.toContain('s3cret');
  expect(JSON.stringify(effective)).toContain('"ping":{"url":"***","allow_private":false}');
});

const line = SOUND.split('\n').length;

test.each([
  ['{ allow_private: true }', 'missing key "url", or "url_file", or "url_command"', 13],
  ['{ url: x, allow_privat: true }', 'unknown key "allow_privat"', 23],
  ['{ url: x, url_file: y }', 'give "url" or "url_file", not both', 23],
  ['https://hc.example.org', 'expected', 13],
])('ping: %s is refused with its place', async (ping, message, column) => {
  const { errors } = await checked(`${SOUND}      ping: ${ping}\n`);

  expect(errors).toMatchObject([{ line, message: expect.stringContaining(message) }]);
  expect(errors[0]?.column).toBe(column);
});

test('an editor knows its keys', () => {
  expect(JSON.stringify(configJsonSchema(catalog))).toContain('A file that holds \\"url\\"');
});

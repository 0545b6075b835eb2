/** Bad input gets a clear error: where it is, what is wrong, and what was probably meant. */
import { describe, expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

/** The sound configuration with one thing replaced. */
function with_(what: string, by: string): string {
  expect(SOUND).toContain(what);
  return SOUND.replace(what, by);
}

async function told(main: string, options: Parameters<typeof checked>[1] = {}): Promise<string[]> {
  const { errors, directory } = await checked(main, options);
  return errors.map((issue) => formatIssue(issue, directory));
}

const service = (lines: string): string => `${SOUND}${lines}`;

describe('a fault is told once, with its place', () => {
  test.each([
    [
      'an unknown key, with the nearest known one',
      with_('keep_daily', 'keep_dayly'),
      'homelab-autopilot.yaml:13:16  backup.retention.keep_dayly\n  unknown key "keep_dayly"; did you mean "keep_daily"?',
    ],
    [
      'an unknown key at the top',
      with_('version: 1', 'version: 1\nservice: []'),
      'homelab-autopilot.yaml:2:1  service\n  unknown key "service"; did you mean "services"?',
    ],
    [
      'an unknown key of a plugin',
      with_('paths: [/srv/notes]', 'paths: [/srv/notes]\n      quiesce: { stopp: [] }'),
      'homelab-autopilot.yaml:19:18  services[0].backup.quiesce.stopp\n  unknown key "stopp"; did you mean "stop"?',
    ],
    [
      'another version of the format',
      with_('version: 1', 'version: 2'),
      'homelab-autopilot.yaml:1:10  version\n  expected 1, got 2',
    ],
    [
      'a text where a number belongs',
      with_('keep_daily: 7', 'keep_daily: "7"'),
      'homelab-autopilot.yaml:13:28  backup.retention.keep_daily\n  expected a whole number, got "7"; write it without quotes',
    ],
    [
      'a number where a text belongs',
      with_('path: /mnt/usb', 'path: 5'),
      'homelab-autopilot.yaml:8:29  destinations.usb.path\n  expected text, got 5; put it in quotes',
    ],
    [
      'a list where a map belongs',
      with_('  docker-1: {}', '  [docker-1]'),
      'homelab-autopilot.yaml:6:3  hosts\n  expected a map of keys, got a list',
    ],
    [
      'a word that is none of the known ones',
      with_('host: nas', 'host: nas\n  log_level: inof'),
      'homelab-autopilot.yaml:5:14  global.log_level\n  expected "debug", "info", "warn" or "error", got "inof"; did you mean "info"?',
    ],
    [
      'a number out of its range',
      with_('host: nas', 'host: nas\n  priority: { nice: 20 }'),
      'homelab-autopilot.yaml:5:21  global.priority.nice\n  must be at most 19',
    ],
    [
      'a missing key',
      with_('type: local, path: /mnt/usb', 'type: local'),
      'homelab-autopilot.yaml:8:8  destinations.usb.path\n  missing key "path"',
    ],
    [
      'a key written twice',
      with_('host: nas', 'host: nas\n  host: other'),
      'homelab-autopilot.yaml:5:3  global.host\n  the key "host" is written twice; the first is in line 4',
    ],
    [
      'a retention rule in both spellings',
      with_('keep_daily: 7', 'keep_daily: 7, keep-daily: 8'),
      'homelab-autopilot.yaml:13:31  backup.retention.keep-daily\n  "keep_daily" is written twice',
    ],
    [
      'a cron expression with too few fields',
      with_('"0 3 * * *"', '"0 3 * *"'),
      'homelab-autopilot.yaml:11:13  backup.schedule\n  "0 3 * *" is not a cron expression: it has 4 fields; 5 are needed, or 6 with seconds first',
    ],
    [
      'a cron expression of a service',
      with_('paths: [/srv/notes]', 'paths: [/srv/notes]\n      schedule: "0 25 * * *"'),
      'homelab-autopilot.yaml:19:17  services[0].backup.schedule\n  "0 25 * * *" is not a cron expression: Invalid value for hour: 25',
    ],
    [
      'a schedule of the wrong type',
      with_('"0 3 * * *"', '3'),
      'homelab-autopilot.yaml:11:13  backup.schedule\n  expected a cron expression such as "0 3 * * *" or @daily, a map with cron or every, or false, got 3',
    ],
    [
      'a duration that is none',
      with_('host: nas', 'host: nas\n  timeout: 5min'),
      'homelab-autopilot.yaml:5:12  global.timeout\n  "5min" is not a duration such as 30s, 5m, 1h30m, 2d or 1w',
    ],
    [
      'a duration without a unit',
      with_('host: nas', 'host: nas\n  timeout: 60'),
      'homelab-autopilot.yaml:5:12  global.timeout\n  expected a duration such as 30s, 5m, 1h30m, 2d or 1w, got 60',
    ],
    [
      'a duration without a unit, of a plugin',
      with_('paths: [/srv/notes]', 'paths: [/srv/notes]\n      quiesce: { timeout: 60 }'),
      'homelab-autopilot.yaml:19:27  services[0].backup.quiesce.timeout\n  expected text, got 60; not a duration: write it as 30s, 5m or 1h30m',
    ],
    [
      'a time limit that no timer can count',
      with_('host: nas', 'host: nas\n  timeout: 5w'),
      'homelab-autopilot.yaml:5:12  global.timeout\n  must be more than 0s and at most 3w3d',
    ],
    [
      'a time zone that is none',
      with_('Europe/Berlin', 'Europe/Berlinn'),
      'homelab-autopilot.yaml:3:13  global.timezone\n  unknown time zone "Europe/Berlinn"; write a name such as Europe/Berlin or UTC; did you mean "Europe/Berlin"?',
    ],
    [
      'a home directory that nothing expands',
      with_('path: vault', 'path: ~/vault'),
      'homelab-autopilot.yaml:9:31  destinations.vault.path\n  "~" is not expanded here; write the whole path, or ${HOME}/…',
    ],
    [
      'an unset variable',
      with_('path: vault', 'path: "${VAULT}"'),
      'homelab-autopilot.yaml:9:31  destinations.vault.path\n  the environment variable VAULT is not set; set it, or write ${VAULT:-default}',
    ],
    [
      'an unset variable, with the message of the author',
      with_('path: vault', 'path: "${VAULT:?where the vault is}"'),
      'homelab-autopilot.yaml:9:31  destinations.vault.path\n  the environment variable VAULT is not set: where the vault is',
    ],
    [
      'an unknown service type',
      with_('type: generic', 'type: genric'),
      'homelab-autopilot.yaml:16:11  services[0].type\n  unknown service type "genric" (known: docker-compose, generic); did you mean "generic"?',
    ],
    [
      'an unknown destination type',
      with_('usb: { type: local', 'usb: { type: nfs4'),
      'homelab-autopilot.yaml:8:16  destinations.usb.type\n  unknown destination type "nfs4" (known: local, webdav)',
    ],
    [
      'an unknown destination',
      with_('[usb, vault]', '[usb, valut]'),
      'homelab-autopilot.yaml:12:23  backup.destinations[1]\n  unknown destination "valut" (known: usb, vault); did you mean "vault"?',
    ],
    [
      'a backup without a destination',
      with_('  destinations: [usb, vault]\n', ''),
      'homelab-autopilot.yaml:17:7  services[0].backup.destinations\n  no destination for its backups; name one here or under "backup:" at the top level',
    ],
    [
      'a host that is none of ours',
      with_('type: generic', 'type: generic\n    host: docker-2'),
      'homelab-autopilot.yaml:17:11  services[0].host\n  unknown host "docker-2" (known: nas, docker-1); add it under "hosts:"; did you mean "docker-1"?',
    ],
    [
      'a name that cannot be a directory',
      with_('name: notes', 'name: ../notes'),
      'homelab-autopilot.yaml:15:11  services[0].name\n  a name has small letters, digits, ".", "_" and "-", begins with a letter or digit, and is at most 63 long',
    ],
    [
      'a destination whose name cannot be a directory',
      with_('  usb: {', '  USB: { type: local, path: /x }\n  usb: {'),
      'homelab-autopilot.yaml:8:3  destinations.USB\n  a name has small letters, digits, ".", "_" and "-", begins with a letter or digit, and is at most 63 long',
    ],
    [
      'a service that is not a map',
      service('  - caddy\n'),
      'homelab-autopilot.yaml:19:5  services[1]\n  expected a map of keys, got "caddy"',
    ],
    [
      'services that are not a list',
      'services: { notes: {} }',
      'homelab-autopilot.yaml:1:11  services\n  expected a list of services, each one beginning with "- name:"',
    ],
    [
      'a probe of an unknown type',
      with_('type: generic', 'type: generic\n    validate: [{ type: htp }]'),
      'homelab-autopilot.yaml:17:24  services[0].validate[0].type\n  expected "http" or "tcp", got "htp"; did you mean "http"?',
    ],
    [
      'one of several forms that is nearly right',
      with_('type: generic', 'type: generic\n    guard: { after: soon }'),
      'homelab-autopilot.yaml:17:21  services[0].guard.after\n  expected a whole number, got "soon"',
    ],
    [
      'none of several forms',
      with_('type: generic', 'type: generic\n    guard: 5'),
      'homelab-autopilot.yaml:17:12  services[0].guard\n  expected text or a map of keys, got 5',
    ],
    [
      'a secret given in two ways',
      with_('hosts:', 'redis: { url: redis://x, url_file: /etc/url }\nhosts:'),
      'homelab-autopilot.yaml:5:26  redis.url_file\n  give "url" or "url_file", not both',
    ],
    [
      'a missing secret, with the ways to give it',
      with_('  usb: {', '  web: { type: webdav, url: x }\n  usb: {'),
      'homelab-autopilot.yaml:8:8  destinations.web.password\n  missing key "password", or "password_file", or "password_command"',
    ],
    [
      'a secret that is a number, without repeating it',
      with_('  usb: {', '  web: { type: webdav, url: x, password: 4711 }\n  usb: {'),
      'homelab-autopilot.yaml:8:42  destinations.web.password\n  expected text; put it in quotes',
    ],
    [
      'a command for a secret whose quotes are not closed',
      with_('hosts:', "redis: { url_command: pass show 'x }\nhosts:")
        .replace("'x }", '"\'x" }')
        .replace('pass show "', '"pass show '),
      'homelab-autopilot.yaml:5:23  redis.url_command\n  expected a command: a list of words such as [pass, show, slack], or one text with its quotes closed',
    ],
    [
      'an alias without an anchor',
      with_('path: vault', 'path: *vault'),
      'homelab-autopilot.yaml:9:31  destinations.vault.path\n  the alias *vault has no anchor &vault above it',
    ],
  ])('%s', async (_title, main, expected) => {
    expect(await told(main)).toEqual([expected]);
  });

  test('a YAML syntax error, without the text that it stumbled over', async () => {
    const errors = await told('global:\n  name: "home\nredis: { url: hunter2 ]\n');

    expect(errors[0]).toMatch(/^homelab-autopilot\.yaml:\d+:\d+\n {2}not valid YAML: /);
    expect(errors.join()).not.toContain('hunter2');
  });

  test('a file that is not a map', async () => {
    expect(await told('just words')).toEqual([
      'homelab-autopilot.yaml:1:1\n  expected keys such as "global:" and "services:"',
    ]);
  });

  test('a value from the environment is not repeated, because it may be a secret', async () => {
    const main = with_('type: generic', 'type: generic\n    port: ${PORT}');

    expect(await told(main, { env: { PORT: 'hunter2' } })).toEqual([
      'homelab-autopilot.yaml:17:11  services[0].port\n  expected a whole number, got the text of a variable',
    ]);
  });

  test('aliases that multiply without end', async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}`.padEnd(1)}`);
    const bomb = levels.map((line, i) => `${line}${i === 0 ? '' : `, *a${i - 1}`.repeat(9)}]`).join('\n');

    expect(await told(bomb)).toEqual(['homelab-autopilot.yaml:1:1\n  the aliases in it multiply to too much']);
  });

  test('all faults are told at once, in the order of the file', async () => {
    const errors = await told(
      with_('Europe/Berlin', 'Mars/Olympus')
        .replace('keep_daily: 7', 'keep_dayly: 7')
        .replace('type: generic', 'type: x'),
    );

    expect(errors.map((error) => error.split('\n')[0])).toEqual([
      'homelab-autopilot.yaml:3:13  global.timezone',
      'homelab-autopilot.yaml:13:16  backup.retention.keep_dayly',
      'homelab-autopilot.yaml:16:11  services[0].type',
    ]);
  });
});

/** The JSON Schema for editors says the same as the configuration's own check. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { configJsonSchema } from '#config/json-schema.ts';
import { catalog, checked, SOUND } from '#test/config/fixture.ts';

const schema = z.fromJSONSchema(configJsonSchema(catalog));

describe('the JSON Schema', () => {
  test.each([
    ['a sound configuration', SOUND],
    ['an empty one', '{}'],
    ['a section with nothing in it', 'redis:\nservices:\nhosts: { b: }'],
    ['a secret in the file', 'redis: { url: redis://x }'],
    ['a secret in a file of its own', 'redis: { url_file: x }'],
    ['a secret from a command, as a list', 'redis: { url_command: [pass, show, x] }'],
    ['a secret from a command, as a text', 'redis: { url_command: pass show x }'],
    ['a variable for a number', 'global: { priority: { nice: "${NICE:-3}" } }'],
    ['a variable for a word', 'global: { log_level: "${LEVEL:-warn}" }'],
    ['a variable for a duration', 'global: { timeout: "${LIMIT:-2h}" }'],
    ['no schedule', 'backup: { schedule: false }'],
    [
      'a schedule as a map',
      'backup: { schedule: { every: 6h, window: { start: "01:00", duration: 4h, every: [sat] } } }',
    ],
    ['a hypervisor', 'hypervisors: { pve: { type: kvm, url: x, token_file: t } }'],
    ['rules with dashes', 'backup: { retention: { keep-last: 3 } }'],
  ])('takes %s, as the check does', async (_title, yaml) => {
    const { errors } = await checked(yaml);

    expect(errors).toEqual([]);
    expect(schema.safeParse(parse(yaml)).error?.issues).toBeUndefined();
  });

  test.each([
    ['an unknown section', 'monitors: {}'],
    ['an unknown key', 'backup: { retention: { keep_dayly: 3 } }'],
    ['a word that is none of the known ones', 'global: { log_level: inof }'],
    ['a duration that is none', 'global: { timeout: 5min }'],
    ['a schedule with an unknown key', 'backup: { schedule: { cron: "@daily", catchup: all } }'],
    ['a text for a number', 'global: { priority: { nice: low } }'],
    ['a missing secret', 'redis: {}'],
    ['an unknown plugin', 'destinations: { a: { type: x, path: /a } }'],
    ['a key of another plugin', 'destinations: { a: { type: local, path: /a, url: x } }'],
    ['a hypervisor with hosts in the wrong form', 'hypervisors: { pve: { type: kvm, url: x, hosts: [] } }'],
    ['a service without its plugin’s keys', 'services: [{ name: a, type: docker-compose }]'],
  ])('refuses %s, as the check does', async (_title, yaml) => {
    const { errors } = await checked(yaml);

    expect(errors).not.toEqual([]);
    expect(schema.safeParse(parse(yaml)).success).toBe(false);
  });

  test('tells an editor what a key is for, and nothing of ours', () => {
    const text = JSON.stringify(configJsonSchema(catalog));

    expect(text).toContain('Time limit of a step that names none');
    expect(text).not.toMatch(/"(?:secret|expects|dashes)":/);
  });
});

/** Getting the value behind a reference. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readInlineSecret, resolveSecret, type SecretPorts } from '#config/secrets.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { written } from '#test/config/fixture.ts';

const ports: SecretPorts = {
  run: async ([program, ...rest], { timeoutMs }) => {
    try {
      return await promisify(execFile)(program, rest, { timeout: timeoutMs });
    } catch (error) {
      const status = error instanceof Error && 'code' in error ? String(error.code) : '';
      throw new AutopilotError('HA_COMMAND_FAILED', `ended with ${status}`);
    }
  },
  inline: async (at) => `inline:${at}`,
};

const ref = (source: SecretRef['$secret']['source']): SecretRef => ({ $secret: { path: 'redis.url', source } });

describe('resolveSecret', () => {
  test('gives the text of a file without its last line break', async () => {
    const directory = await written({ url: ' two\nlines \r\n' });

    const value = await resolveSecret(ref({ from: 'file', file: path.join(directory, 'url') }), ports);

    expect(value).toBe(' two\nlines ');
  });

  test('gives the output of a command, which no shell reads', async () => {
    const value = await resolveSecret(ref({ from: 'command', command: ['echo', '$HOME; x'] }), ports);

    expect(value).toBe('$HOME; x');
  });

  test('asks for a value that stands in the configuration', async () => {
    expect(await resolveSecret(ref({ from: 'configuration' }), ports)).toBe('inline:redis.url');
  });

  test.each([
    [
      'a missing file',
      { from: 'file', file: '/nowhere/url' } as const,
      'redis.url: /nowhere/url: there is no such file',
    ],
    ['an empty file', { from: 'file', file: '/dev/null' } as const, 'redis.url: /dev/null is empty'],
    [
      'a command that fails, without its arguments',
      { from: 'command', command: ['false', 'hunter2'] } as const,
      'redis.url: the command "false" failed: ended with 1',
    ],
    [
      'a command that prints nothing',
      { from: 'command', command: ['true'] } as const,
      'redis.url: "true" printed nothing',
    ],
  ])('says what is wrong with %s', async (_title, source, message) => {
    const mutable = source.from === 'command' ? { from: source.from, command: [...source.command] } : source;

    await expect(resolveSecret(ref(mutable), ports)).rejects.toMatchObject({ code: 'HA_SECRET_UNAVAILABLE', message });
  });
});

describe('readInlineSecret', () => {
  const MAIN = `redis: { url: "redis://:\${PW:-hunter2}@nas" }
destinations:
  my.web: { type: webdav, url: x, password: one }
services:
  - { name: app, type: generic, token: two }
  - { name: app.x, type: generic, validate: [{ type: http }, { type: tcp, token: three }] }
`;
  const place = async (main = MAIN) => ({
    cwd: await written({ 'homelab-autopilot.yaml': main, 'services.d/a.yaml': '- { name: b, token: four }' }),
    env: {},
  });

  test.each([
    ['redis.url', 'redis://:hunter2@nas'],
    ['destinations.my.web.password', 'one'],
    ['services.app.token', 'two'],
    ['services.app.x.validate[1].token', 'three'],
    ['services.b.token', 'four'],
  ])('finds %s', async (at, value) => {
    expect(await readInlineSecret(await place(), at)).toBe(value);
  });

  test('says so when the value is gone', async () => {
    await expect(readInlineSecret(await place(), 'services.app.password')).rejects.toMatchObject({
      code: 'HA_SECRET_UNAVAILABLE',
      message: 'services.app.password is not in the configuration any more',
    });
  });

  test('says so when its variable is not set, whatever else is unset', async () => {
    const main = 'global: { name: "${OTHER}" }\nredis: { url: "${REDIS_URL:?for the queue}" }';

    await expect(readInlineSecret(await place(main), 'redis.url')).rejects.toThrow(
      'redis.url: the environment variable REDIS_URL is not set: for the queue',
    );
  });
});

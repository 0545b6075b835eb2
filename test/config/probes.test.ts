/** What is wrong with a probe is told when the configuration is read, with its place. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checkConfig } from '#config/load.ts';
import { loadPlugins } from '#host/plugins.ts';
import { written } from '#test/config/fixture.ts';

const { catalog } = await loadPlugins({ builtin: path.resolve(import.meta.dirname, '../../plugins') });

const PROXY = 'monitoring: { outside: { proxy: "socks5h://vps:1080", username: me, password_file: /secret } }\n';

async function read(probe: string, { key = 'validate', top = '' } = {}) {
  const main = `${top}services:\n  - name: notes\n    type: generic\n    ${key}:\n      - ${probe}\n`;
  const cwd = await written({ 'homelab-autopilot.yaml': main });
  const { config, errors, warnings } = await checkConfig({ cwd, env: {}, catalog });
  const told = (issues: typeof errors) => issues.map((issue) => formatIssue(issue, cwd));
  return { service: config?.services[0], errors: told(errors), warnings: told(warnings) };
}

test.each([
  [
    '{ type: http, url: "http://x/", conditions: ["[STATUS] == 200", "[STATUS] = 200"] }',
    '5:73  services[0].validate[0].conditions[1]\n  needs a comparison with a space on both sides: == != < <= > >=, at character 15',
  ],
  [
    '{ type: http, url: "http://me:hunter2@x/" }',
    '5:28  services[0].validate[0].url\n  credentials do not belong into an address; write username and password',
  ],
  [
    '{ type: log, file: /x, must_not: ["(?=x)"] }',
    '5:43  services[0].validate[0].must_not[0]\n  is no regular expression: ',
  ],
  ['{ type: log, must: [x] }', '5:9  services[0].validate[0]\n  needs either a container or a file'],
  [
    '{ type: tcp, port: 443, external: true }',
    '5:43  services[0].validate[0].external\n  no way outside is stated, so this would only look from inside',
  ],
  ['{ type: ping, host: x, external: true }', 'unknown key "external"'],
])('%s is refused', async (probe, message) => {
  const { errors } = await read(probe);

  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(message);
});

test('the same is refused under `monitor`', async () => {
  const condition = await read('{ type: http, url: "http://x/", conditions: ["x"] }', { key: 'monitor' });
  const outside = await read('{ type: tcp, port: 1, external: true }', { key: 'monitor' });
  const log = await read('{ type: log, must: [x] }', { key: 'monitor' });

  expect(condition.errors.join()).toContain('monitor[0].conditions[0]');
  expect(outside.errors.join()).toContain('no way outside is stated');
  expect(log.errors.join()).toContain('needs either a container or a file');
});

test('a proxy with credentials in its address is refused, and so is one that is none', async () => {
  const told = async (proxy: string) =>
    (await read('{ type: tcp, port: 1, external: true }', { top: `monitoring: { outside: { proxy: "${proxy}" } }\n` }))
      .errors;

  expect(await told('socks5h://me:hunter2@vps:1080')).toEqual([
    'homelab-autopilot.yaml:1:33  monitoring.outside.proxy\n  credentials do not belong here; give them as username and password',
  ]);
  expect((await told('ftp://vps')).join()).toContain('not a proxy');
});

test('a probe from outside gets the way that is stated for all, or its own', async () => {
  const password = { $secret: { path: 'monitoring.outside.password', source: { from: 'file', file: '/secret' } } };
  const route = { proxy: 'socks5h://vps:1080', username: 'me', password };

  const gate = await read('{ type: tcp, port: 443, external: true }', { top: PROXY });
  const check = await read('{ type: tcp, port: 443, external: true }', { top: PROXY, key: 'monitor' });
  const own = await read('{ type: tcp, port: 443, external: { proxy: "http://other:3128" } }', { top: PROXY });

  expect(gate.errors).toEqual([]);
  expect(gate.service?.config).toMatchObject({ validate: [{ port: 443, external: route }] });
  expect(gate.service?.checks).toMatchObject([{ external: true, probe: { external: route } }]);
  expect(check.service?.checks).toMatchObject([{ external: true, probe: { external: route } }]);
  expect(own.service?.config).toMatchObject({ validate: [{ external: { proxy: 'http://other:3128' } }] });
});

test('a certificate that is not checked is warned of', async () => {
  const { errors, warnings } = await read('{ type: http, url: "https://x/", insecure: true }');

  expect(errors).toEqual([]);
  expect(warnings.join()).toContain('the certificate of the server is not checked: anybody on the way');
});

/** What services say that they depend on. */
import { expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checked, SOUND } from '#test/config/fixture.ts';

async function told(services: string): Promise<string[]> {
  const { errors, directory } = await checked(`${SOUND}${services}`);
  return errors.map((issue) => formatIssue(issue, directory));
}

const named = (name: string, needs: string): string => `  - { name: ${name}, type: generic, depends_on: ${needs} }\n`;

test('a service names the services that it needs, each once', async () => {
  const { config, errors } = await checked(`${SOUND}${named('wiki', '[notes, caddy, notes]')}${named('caddy', '[]')}`);

  expect(errors).toEqual([]);
  expect(config?.services.map(({ name, dependsOn }) => [name, dependsOn])).toEqual([
    ['notes', []],
    ['wiki', ['notes', 'caddy']],
    ['caddy', []],
  ]);
});

test('a name that no service has is told with its place and the nearest one', async () => {
  const issues = await told(named('wiki', '[notes, ntoes]'));

  expect(issues).toEqual([
    'homelab-autopilot.yaml:19:54  services[1].depends_on[1]\n  unknown service "ntoes" (known: notes, wiki); did you mean "notes"?',
  ]);
});

test('a circle is told once, where it closes', async () => {
  const issues = await told(`${named('a', '[b]')}${named('b', '[c, notes]')}${named('c', '[a]')}${named('d', '[a]')}`);

  expect(issues).toEqual([
    'homelab-autopilot.yaml:21:44  services[3].depends_on[0]\n  services depend on each other in a circle: a → b → c → a',
  ]);
});

test('a service that needs itself is told', async () => {
  expect(await told(named('a', '[a]'))).toEqual([expect.stringContaining('in a circle: a → a')]);
});

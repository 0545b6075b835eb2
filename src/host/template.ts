/** The two files that a new plugin begins with: `plugins new KIND NAME`. */
import { AutopilotError } from '#kernel/errors.ts';
import { kinds, pluginFolders } from '#sdk/catalog.ts';
import type { Action, KindName } from '#sdk/contract.ts';

export type PluginKind = (typeof pluginFolders)[keyof typeof pluginFolders];

const HARNESS = new URL('harness.ts', import.meta.url).href;
const PLUGIN_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** File contents by their paths below `plugins.d/`. The plugin passes the check; each action says that it is to be written. */
export function pluginTemplate(kind: PluginKind, name: string): Record<string, string> {
  if (!PLUGIN_NAME.test(name)) {
    throw new AutopilotError('HA_USAGE', `"${name}" cannot be the name of a plugin`, {
      next: 'use lower-case letters, digits and single hyphens, beginning with a letter',
    });
  }
  const folder = Object.keys(pluginFolders).find((key) => Reflect.get(pluginFolders, key) === kind) ?? `${kind}s`;
  return { [`${folder}/${name}.ts`]: pluginText(kind, name), [`${folder}/${name}.test.ts`]: testText(kind, name) };
}

function pluginText(kind: PluginKind, name: string): string {
  const actions = Object.entries(kinds[kind].actions).filter(([, { optional }]) => !optional);
  return `/** ${title(name)}: say in one sentence what this is. Users write \`type: ${name}\`. */
import { AutopilotError, ${kind} } from 'homelab-autopilot/sdk';
import { z } from 'zod';

export const plugin = ${kind}.define({
  id: '${name}',
  title: '${title(name)}',
  /** The keys that users write, besides those that every ${kind} has. For a password: \`password: secret()\`. */
  config: z.object({}),
  actions: {
${actions.map(([action, contract]) => actionText(action, contract)).join('\n\n')}
  },${probesText(kind)}
});
`;
}

function actionText(name: string, { title: what, effect }: Action): string {
  return `    /** ${what}. ${MEANING[effect]} */
    async ${name}(tools) {
      throw new AutopilotError('HA_USAGE', \`\${tools.name}: ${name} is not written yet\`);
    },`;
}

const MEANING: Record<Action['effect'], string> = {
  read: 'It changes nothing.',
  idempotent: 'After a crash it is run again, and must find what the first run left.',
  once: 'After a crash its probe is asked before it is run again.',
};

function probesText(kind: KindName): string {
  const once = Object.entries(kinds[kind].actions).filter(([, { effect }]) => effect === 'once');
  if (once.length === 0) return '';
  const probes = once.map(([name]) => `    ${name}: async () => 'unknown',`);
  return `\n  probes: {\n${probes.join('\n')}\n  },`;
}

function testText(kind: PluginKind, name: string): string {
  const [first = 'inspect'] = Object.keys(kinds[kind].actions);
  return `/** Run it with: node --test ${name}.test.ts */
import assert from 'node:assert/strict';
import { test } from 'node:test';
// The place where Homelab Autopilot is installed on this machine.
import { openPluginFile } from '${HARNESS}';

test('${name} is a ${kind} plugin', async () => {
  await using plugin = await openPluginFile(import.meta.resolve('./${name}.ts'));

  assert.deepEqual(plugin.problems, []);
});

test('${name} refuses a configuration key that it does not know', async () => {
  await using plugin = await openPluginFile(import.meta.resolve('./${name}.ts'));

  await assert.rejects(plugin.run('${first}', { no_such_key: true }), { code: 'HA_CONFIG_INVALID' });
});
`;
}

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll('-', ' ');
}

/** What holds for every plugin, whoever wrote it: ours are all looked at here, and so are the fixtures. */
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { checkPlugin } from '#host/check-plugin.ts';
import { instanceSchema } from '#host/plugin-config.ts';
import { loadPlugins } from '#host/plugins.ts';
import { kinds, pluginFolders } from '#sdk/catalog.ts';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ours = await loadPlugins({ builtin: root('plugins') });
const fixtures = await loadPlugins({ builtin: root('test/fixtures/plugins') });
const all = [ours, fixtures].flatMap(({ list, catalog }) =>
  list.map((entry) => ({ ...entry, plugin: find(catalog, entry) })),
);
const cases = all.map((entry) => [`${entry.kind} ${entry.id}`, entry] as const);

function find(catalog: typeof ours.catalog, { kind, id }: (typeof ours.list)[number]) {
  const plugin = catalog.find(kind, id);
  if (plugin === undefined) throw new Error(`${kind} ${id} is listed, but not found`);
  return plugin;
}

test('every plugin file is a plugin', () => {
  expect([...ours.problems, ...fixtures.problems]).toEqual([]);
});

test('every kind that users can write has at least one plugin', () => {
  expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(Object.values(pluginFolders)));
});

test.each(ours.list.map((entry) => [`${entry.kind} ${entry.id}`, entry] as const))(
  '%s has a test of its own',
  async (_, entry) => {
    const folder = Object.entries(pluginFolders).find(([, kind]) => kind === entry.kind)?.[0];

    // Tests of a system that takes long are in a file of another name.
    const files = ['test', 'systems.test'].map((end) => root(`test/plugins/${folder}/${entry.id}.${end}.ts`));
    await expect(Promise.any(files.map((file) => access(file)))).resolves.toBeUndefined();
  },
);

describe.each(cases)('%s', (_, { plugin, kind, id }) => {
  test('passes the check that a user’s plugin has to pass', () => {
    expect(checkPlugin(plugin, { kind, id }).problems).toEqual([]);
  });

  test('refuses a configuration key that it does not know', () => {
    const { error } = instanceSchema(plugin).safeParse({ no_such_key: 1 });

    expect(error?.issues).toContainEqual(expect.objectContaining({ code: 'unrecognized_keys', keys: ['no_such_key'] }));
  });

  test('has a configuration that an editor can complete, with a description for every key', () => {
    const schema = z.toJSONSchema(instanceSchema(plugin), { io: 'input' });
    const keys = Object.entries({ ...plugin.config.shape, ...plugin.backup?.shape });
    const silent = keys.filter(([, value]) => descriptionOf(value) === undefined).map(([key]) => key);

    expect(schema.type).toBe('object');
    expect(silent).toEqual([]);
  });

  test('has keys in snake_case', () => {
    const keys = Object.keys({ ...plugin.config.shape, ...plugin.backup?.shape });

    expect(keys.filter((key) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(key))).toEqual([]);
  });
});

/** Of the schema itself, or of what it makes optional or gives a default to. */
function descriptionOf(schema: z.core.$ZodType): string | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  if (schema.description !== undefined) return schema.description;
  const inner = 'unwrap' in schema && typeof schema.unwrap === 'function' ? schema.unwrap() : undefined;
  return inner instanceof z.ZodType ? descriptionOf(inner) : nestedDescription(schema);
}

/** A section of keys is described by its keys. */
function nestedDescription(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape).join(' ') : undefined;
}

describe.each(Object.values(kinds).map((kind) => [kind.name, kind] as const))('the kind %s', (_, kind) => {
  const actions = Object.entries(kind.actions);

  test('says of each action what it does, in a sentence that starts with a verb', () => {
    expect(actions.map(([, { title }]) => title).filter((title) => !/^[A-Z][a-z]+s? .*[^.]$/.test(title))).toEqual([]);
  });

  test.each(actions)(
    'takes and gives plain data in %s, which is all that a queue can carry',
    (_name, { input, output }) => {
      expect(z.toJSONSchema(input, { io: 'input' })).toMatchObject({ type: 'object' });
      expect(z.toJSONSchema(output)).toMatchObject({ type: 'object' });
    },
  );

  test('lets a probe answer for an action that happens once: its output may be empty', () => {
    const demanding = actions.filter(([, { effect, output }]) => effect === 'once' && !output.safeParse({}).success);

    expect(demanding).toEqual([]);
  });
});

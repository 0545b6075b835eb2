/** Loads the built-in plugins and those of the folder that is given, and prints what was found. */
import { fileURLToPath } from 'node:url';
import { loadPlugins } from '#host/plugins.ts';
import { kinds } from '#sdk/catalog.ts';

const builtin = fileURLToPath(new URL('../../plugins', import.meta.url));
const { catalog, problems, list } = await loadPlugins({ builtin, user: process.argv[2] ?? '' });
const ids = Object.fromEntries(Object.values(kinds).map(({ name }) => [name, catalog.ids(name)]));
const own = list.filter(({ kind, id, origin }) => origin === 'user' && catalog.find(kind, id) !== undefined);
process.stdout.write(
  JSON.stringify({
    ids,
    own: own.map(({ id }) => id).sort(),
    problems,
    list: list.map(({ id, origin, title }) => ({ id, origin, title })),
  }),
);

/** `plugins`: list, check, new. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import type { PluginFinding } from '#cli/ports.ts';
import { printable, table } from '#cli/render/text.ts';
import { type Call, flag, text, usage, word } from '#cli/spec.ts';
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';

type Found = Awaited<ReturnType<Context['rooms']['plugins']['list']>>;

export async function listPlugins(context: Context, call: Call): Promise<ExitStatus> {
  const found = await context.rooms.plugins.list(text(call, 'config'));
  if (flag(call, 'json')) printJson(context, found);
  else printLines(context, [...pluginTable(found.plugins), ...problemLines(context, found)]);
  return EXIT.done;
}

export async function checkPlugins(context: Context, call: Call): Promise<ExitStatus> {
  const folder = resolve(word(call, 0));
  await mustBeFolder(folder);
  const found = await context.rooms.plugins.check(folder);
  const good = found.problems.length === 0;
  if (flag(call, 'json')) printJson(context, { conforming: good, ...found });
  else printLines(context, checkedLines(context, found, folder));
  return good ? EXIT.done : EXIT.failed;
}

export async function listActions(context: Context, call: Call): Promise<ExitStatus> {
  const actions = await context.rooms.plugins.actions(word(call, 0));
  if (flag(call, 'json')) printJson(context, { actions });
  else {
    const columns = ['ACTION', 'AFTER A CRASH', 'DOES'].map((title) => ({ title }));
    const rows = actions.map(({ name, title, effect, optional }) => [
      optional ? `[${name}]` : name,
      effect === 'once' ? 'its probe is asked' : 'run again',
      title,
    ]);
    printLines(context, [
      ...table(columns, rows),
      'Those in brackets may be left out. What each takes and gives: --json',
    ]);
  }
  return EXIT.done;
}

export async function newPlugin(context: Context, call: Call): Promise<ExitStatus> {
  const [kind, name] = [word(call, 0), word(call, 1)];
  const files = await context.rooms.plugins.template(kind, name);
  const folder = resolve(text(call, 'dir') ?? (await context.rooms.plugins.folder(text(call, 'config'))));
  const written: string[] = [];
  for (const [path, content] of Object.entries(files)) {
    await writeNew(join(folder, path), content);
    written.push(join(folder, path));
  }
  if (flag(call, 'json')) printJson(context, { files: written });
  else {
    printLines(context, [
      ...written.map((file) => `wrote ${file}`),
      `  Fill in its actions, then  homelab-autopilot plugins check ${folder}`,
    ]);
  }
  return EXIT.done;
}

/** Kinds are told by the folders of plugins, so one file alone does not say what it is. */
async function mustBeFolder(path: string): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isDirectory()) return;
  throw usage(
    stats === undefined ? `there is no folder ${path}` : `${path} is a file, not a folder of plugins`,
    'Name the folder that holds  hypervisors/ , services/ , destinations/  or  notifications/',
  );
}

/** Never over a file that is there: it may be somebody's work. */
async function writeNew(file: string, content: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { flag: 'wx' });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') {
      throw new AutopilotError('HA_CONFLICT', `${file} exists already`, { next: 'Choose another name, or remove it' });
    }
    throw new AutopilotError('HA_USAGE', `cannot write ${file}: ${errorText(error)}`, { cause: error });
  }
}

function pluginTable(plugins: readonly PluginFinding[]): string[] {
  if (plugins.length === 0) return ['No plugins.'];
  const columns = ['KIND', 'TYPE', 'SYSTEM', 'FROM'].map((title) => ({ title }));
  const from = ({ origin, file }: PluginFinding) => (origin === 'built-in' ? 'built in' : file);
  return table(
    columns,
    plugins.map((plugin) => [plugin.kind, plugin.id, printable(plugin.title), from(plugin)]),
  );
}

function checkedLines(context: Context, found: Found, folder: string): string[] {
  const { style } = context.terminal;
  const good = found.plugins.map(({ kind, id }) => `${style('good', '✔')} ${kind} ${id} conforms`);
  const none = good.length === 0 && found.problems.length === 0 ? [`No plugins in ${folder}.`] : [];
  return [...good, ...problemLines(context, found), ...none];
}

function problemLines({ terminal: { style } }: Context, { problems }: Found): string[] {
  return problems.map(({ file, message }) => `${style('bad', '✘')} left out: ${file}: ${printable(message)}`);
}

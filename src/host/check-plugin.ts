/** Checks what a plugin file exports against its kind: the same at every start and for `plugins check`. */
import { z } from 'zod';
import { kinds, reservedKeys } from '#sdk/catalog.ts';
import type { Kind, KindName, Plugin } from '#sdk/contract.ts';
import { pluginSections } from '#sdk/contract.ts';

export interface Expected {
  kind: KindName;
  /** From the file's or folder's name. */
  id: string;
  /** For tests of the check itself. Default: the kinds that there are. */
  kinds?: Record<KindName, Kind>;
}

export type Checked = { plugin: Plugin; problems: [] } | { plugin: undefined; problems: string[] };

const PluginId = z.string().regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);

const Functions = z.record(
  z.string(),
  z.custom((value) => typeof value === 'function', 'is not a function'),
);

const ConfigSchema = z.custom<z.ZodObject>(
  (value) => value instanceof z.ZodObject,
  'is not a zod object: write it as z.object({ … })',
);

const Shape = z.strictObject({
  kind: z.string(),
  id: z.string(),
  title: z.string().min(1),
  config: ConfigSchema,
  backup: ConfigSchema.optional(),
  update: ConfigSchema.optional(),
  wholeRollback: z.literal(true).optional(),
  deduplicates: z.literal(true).optional(),
  lacks: Functions.optional(),
  actions: Functions,
  probes: Functions.optional(),
});
type Shape = z.output<typeof Shape>;

/** Every problem is a sentence about the file; with none, what was exported is a plugin. */
export function checkPlugin(exported: unknown, expected: Expected): Checked {
  if (exported === undefined) return refused(['it exports nothing named "plugin"']);
  const parsed = Shape.safeParse(exported);
  if (!parsed.success) {
    return refused(
      parsed.error.issues.map(
        ({ path, message }) => `plugin${path.map((key) => `.${String(key)}`).join('')}: ${message}`,
      ),
    );
  }
  const shape = parsed.data;
  if (shape.kind !== expected.kind) {
    return refused([`it is a ${shape.kind} plugin in the folder of ${expected.kind} plugins`]);
  }
  const contract = (expected.kinds ?? kinds)[expected.kind];
  const problems = [
    ...identityProblems(shape, expected),
    ...actionProblems(shape, contract),
    ...probeProblems(shape, contract),
    ...lacksProblems(shape),
    ...configProblems(shape, expected.kind),
  ];
  // Past this check a plugin of any kind has the one shape that the catalog holds.
  return problems.length > 0 ? refused(problems) : { plugin: exported as Plugin, problems: [] };
}

function refused(problems: string[]): Checked {
  return { plugin: undefined, problems };
}

function identityProblems({ id }: Shape, expected: Expected): string[] {
  const problems: string[] = [];
  if (id !== expected.id) problems.push(`its id is "${id}", but its file is named "${expected.id}"`);
  if (!PluginId.safeParse(id).success)
    problems.push(`"${id}" is not an id: use lower-case letters, digits and single hyphens`);
  return problems;
}

function actionProblems({ actions }: Shape, { name, actions: contract }: Kind): string[] {
  const missing = Object.keys(contract).filter((action) => !contract[action]?.optional && !(action in actions));
  const unknown = Object.keys(actions).filter((action) => !(action in contract));
  return [
    ...missing.map((action) => `the action ${action} is missing, which every ${name} plugin has`),
    ...unknown.map((action) => `the action ${action} is not one of a ${name} plugin`),
  ];
}

function probeProblems({ actions, probes = {} }: Shape, { actions: contract }: Kind): string[] {
  const once = Object.keys(actions).filter((action) => contract[action]?.effect === 'once');
  const missing = once.filter((action) => !(action in probes));
  const needless = Object.keys(probes).filter((action) => !once.includes(action));
  return [
    ...missing.map((action) => `the action ${action} happens once, so it needs a probe that tells if it did`),
    ...needless.map((action) => `there is a probe for ${action}, which is not an action that happens once`),
  ];
}

function lacksProblems({ actions, lacks = {} }: Shape): string[] {
  const missing = Object.keys(lacks).filter((action) => !(action in actions));
  return missing.map((action) => `plugin.lacks.${action}: it has no such action`);
}

function configProblems({ config, ...sections }: Shape, kind: KindName): string[] {
  const taken = Object.keys(config.shape).filter((key) => reservedKeys(kind).includes(key));
  const problems = taken.map((key) => `plugin.config.${key}: every ${kind} has a key of this name, choose another`);
  for (const name of pluginSections) {
    if (sections[name] !== undefined && kind !== 'service')
      problems.push(`plugin.${name}: only service plugins have it`);
  }
  return problems;
}

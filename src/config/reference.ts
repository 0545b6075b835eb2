/** The reference page of the configuration, made from the same schemas that judge it. */
import { z } from 'zod';
import { Heartbeat } from '#config/heartbeats.ts';
import { core, isSecretField, layers, notesOf, shapeOf } from '#config/introspect.ts';
import { CHECK_KEYS, Monitoring, MonitorList } from '#config/monitoring.ts';
import { Notifications } from '#config/notifications.ts';
import {
  Backup,
  ChannelCore,
  DestinationCore,
  Global,
  HypervisorCore,
  Redis,
  ServiceCore,
  Updates,
} from '#config/schema.ts';
import type { PluginCatalog } from '#sdk/catalog.ts';
import type { KindName, Plugin } from '#sdk/contract.ts';
import { Probe } from '#sdk/probes.ts';

interface Row {
  key: string;
  takes: string;
  standard: string;
  meaning: string;
}

const INTRODUCTION = `# Configuration

<!-- Generated from the schemas; do not edit. A test compares, and \`npx vitest run test/config/pages.test.ts -u\` writes it anew. -->

One YAML file, and the files of \`services.d/\` next to it in name order, each a list of services. The main file is the
first of: \`--config FILE\`, \`$HOMELAB_AUTOPILOT_CONFIG\`, \`./homelab-autopilot.yaml\`,
\`/etc/homelab-autopilot/homelab-autopilot.yaml\`. Unknown keys are errors. Check a file with
\`homelab-autopilot config validate\`; let an editor complete it with the schema that \`homelab-autopilot config schema\`
prints.

## Values

- **Variables** in any text: \`\${VAR}\` (an error when unset), \`\${VAR:-default}\` and \`\${VAR:?message}\` (for unset or
  empty), \`$$\` for a dollar sign. Keys are taken as they are.
- **Durations**: whole numbers with a unit, the largest first: \`500ms 30s 5m 1h30m 2d 1w\`.
- **Sizes**: \`500M 10G 1.5T\`. A letter alone, and \`GiB\`, count in powers of 1024; \`GB\` in powers of 1000.
- **Cron**: five fields, or six with seconds first, or \`@hourly @daily @weekly @monthly @yearly\`; see
  [schedules](../schedules.md).
- **Paths**: a relative one counts from the directory of the file that it is written in. \`~\` is not expanded; write
  \`\${HOME}\`.
- **Secrets**: for a secret \`x\` write exactly one of \`x\`, \`x_file\` (a path) and \`x_command\` (a list of words, or one
  text that is split as a shell splits words; it runs without a shell and with a time limit). Secrets are fetched where
  and when they are used. Keep their files at mode 0600: others that can read one are warned of.
- **Anchors and aliases**, \`<<\` included, work as in compose files. A key written twice is an error.
`;

const BACKUP_NOTE = `The top level's \`backup:\` gives defaults. A service is backed up when it has a \`backup:\` section of its own, be it only
with the keys of its plugin. What it says there goes over the defaults: \`schedule\`, \`retention\` and \`compression\` key by
key, everything else as a whole. At least one destination must remain. Retention keys may be spelled with dashes
(\`keep-last\`).`;

const UPDATES_NOTE = 'Defaults; a service says more in its own `update:` section. See [updates](../updates.md).';

const MONITORING_NOTE = 'How services and hosts are watched: see [monitoring](../monitoring.md).';

const HYPERVISORS_NOTE = 'By name; each has these, and the keys of its plugin. See [hypervisors](../hypervisors.md).';

const NOTIFICATIONS_NOTE = 'Who is told of what, and how: see [notifications](../notifications.md).';

const PROBES = `## Probes

Questions whose answer tells whether a service works; each has a \`type\`, and the keys of that. See [probes](../probes.md).
`;

const HEARTBEAT_NOTE = `Under \`monitor:\` alone: nobody asks, something reports. See [monitoring](../monitoring.md#heartbeats).`;

const CHECK_NOTE = `An entry of a service's \`monitor:\` is a probe that says a little more.`;

export function configurationReference(catalog: PluginCatalog): string {
  const parts = [
    INTRODUCTION,
    '## `version`\n\nThe version of the format: `1`.\n',
    section('## `global`', rowsOf(Global, '')),
    section('## `redis`', rowsOf(Redis, ''), 'Leave it out, and a private Redis is started and supervised.'),
    '## `hosts`\n\nThe other machines that run a worker, by name: `docker-1: {}`. This machine is always one of them.\n',
    section('## `hypervisors`', rowsOf(HypervisorCore, ''), HYPERVISORS_NOTE),
    ...plugins(catalog, 'hypervisor').map((plugin) => section(heading(plugin), rowsOf(plugin.config, ''))),
    section(
      '## `destinations`',
      rowsOf(DestinationCore, ''),
      'By name; each has a `type`, and the keys of its plugin.',
    ),
    ...plugins(catalog, 'destination').map((plugin) => section(heading(plugin), rowsOf(plugin.config, ''))),
    section('## `notifications`', rowsOf(Notifications, ''), NOTIFICATIONS_NOTE),
    section(
      '### `notifications.channels`',
      rowsOf(ChannelCore, ''),
      'By name; each has these, and the keys of its plugin.',
    ),
    ...plugins(catalog, 'notification').map((plugin) => section(heading(plugin), rowsOf(plugin.config, ''))),
    section('## `backup`', rowsOf(Backup, ''), BACKUP_NOTE),
    section('## `updates`', rowsOf(Updates, ''), UPDATES_NOTE),
    section('## `monitoring`', rowsOf(Monitoring, ''), MONITORING_NOTE),
    PROBES,
    ...Probe.options.map((probe) => section(`### \`type: ${typeOf(probe)}\``, rowsOf(withoutType(probe), ''))),
    section('### `type: heartbeat`', rowsOf(Heartbeat.omit({ type: true }), ''), HEARTBEAT_NOTE),
    section('### Keys of a check', rowsOf(z.object(CHECK_KEYS), ''), CHECK_NOTE),
    section('## `services`', rowsOf(ServiceCore, ''), 'A list; each has these, and the keys of its plugin.'),
    ...plugins(catalog, 'service').map((plugin) =>
      section(heading(plugin), [
        ...rowsOf(plugin.config, ''),
        ...(plugin.backup === undefined ? [] : rowsOf(plugin.backup, 'backup.')),
        ...(plugin.update === undefined ? [] : rowsOf(plugin.update, 'update.')),
      ]),
    ),
  ];
  return parts.join('\n');
}

function plugins(catalog: PluginCatalog, kind: KindName): Plugin[] {
  return catalog.ids(kind).flatMap((id) => catalog.find(kind, id) ?? []);
}

function heading(plugin: Plugin): string {
  return `### \`type: ${plugin.id}\`: ${plugin.title}`;
}

function section(title: string, rows: Row[], note?: string): string {
  const lines = [title, '', ...(note === undefined ? [] : [note, ''])];
  if (rows.length === 0) return [...lines, 'No keys of its own.', ''].join('\n');
  lines.push('| key | takes | default | meaning |', '|---|---|---|---|');
  for (const { key, takes, standard, meaning } of rows) {
    lines.push(`| \`${key}\` | ${cell(takes)} | ${cell(standard)} | ${cell(meaning)} |`);
  }
  return [...lines, ''].join('\n');
}

/** A table's cell is one line, and a bar would end it. */
function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}

function rowsOf(schema: z.ZodObject, prefix: string): Row[] {
  return Object.entries(shapeOf(schema)).flatMap(([key, field]) => {
    const name = prefix + key;
    const form = core(field);
    const row = { key: name, takes: takesOf(field), standard: standardOf(field), meaning: describe(field) };
    if (form instanceof z.ZodObject && !isSecretField(field)) {
      return [{ ...row, standard: '' }, ...rowsOf(form, `${name}.`)];
    }
    if (form instanceof z.ZodUnion) return [row, ...ownForms(form).flatMap((own) => rowsOf(own, `${name}.`))];
    if (form instanceof z.ZodArray && (form.element === Probe || form === core(MonitorList))) {
      return [{ ...row, takes: 'list of [probes](#probes)' }];
    }
    const inner = form instanceof z.ZodArray ? `${name}[].` : `${name}.*.`;
    return [row, ...memberForms(form).flatMap((member) => rowsOf(member, inner))];
  });
}

function typeOf(probe: (typeof Probe.options)[number]): string {
  return [...probe.shape.type.values].join();
}

function withoutType(probe: (typeof Probe.options)[number]): z.ZodObject {
  return z.object(Object.fromEntries(Object.entries(shapeOf(probe)).filter(([key]) => key !== 'type')));
}

/** The maps among the forms that a field may have. */
function ownForms(form: z.ZodUnion): z.ZodObject[] {
  const options: readonly unknown[] = form.options;
  return options.filter((option) => option instanceof z.ZodObject);
}

/** The objects that a list or a map holds. */
function memberForms(form: z.ZodType): z.ZodObject[] {
  let member: unknown;
  if (form instanceof z.ZodArray) member = form.element;
  if (form instanceof z.ZodRecord) member = form.valueType;
  const base = member instanceof z.ZodType ? core(member) : undefined;
  const options: readonly unknown[] = base instanceof z.ZodUnion ? base.options : [base];
  return options.filter((option) => option instanceof z.ZodObject);
}

function takesOf(schema: z.ZodType): string {
  if (isSecretField(schema)) return 'secret';
  const { expects, path } = notesOf(schema);
  if (expects !== undefined) return expects;
  const form = core(schema);
  if (form instanceof z.ZodEnum) return form.options.map((option) => `\`${option}\``).join(', ');
  if (form instanceof z.ZodLiteral) return [...form.values].map((value) => `\`${String(value)}\``).join(', ');
  if (form instanceof z.ZodNumber) return form.isInt ? 'whole number' : 'number';
  if (form instanceof z.ZodBoolean) return '`true` or `false`';
  if (form instanceof z.ZodArray) return `list of: ${takesOf(form.element as z.ZodType)}`;
  if (form instanceof z.ZodTuple) return 'list of: text';
  if (form instanceof z.ZodObject || form instanceof z.ZodRecord) return 'map';
  if (form instanceof z.ZodUnion) return [...new Set((form.options as z.ZodType[]).map(takesOf))].join(' or ');
  return path === true ? 'path' : 'text';
}

function standardOf(schema: z.ZodType): string {
  for (const layer of layers(schema)) {
    if (!(layer instanceof z.ZodDefault) && !(layer instanceof z.ZodPrefault)) continue;
    const value: unknown = layer.def.defaultValue;
    return value === null ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
  }
  return schema.safeParse(undefined).success ? '' : 'required';
}

function describe(schema: z.ZodType): string {
  for (const layer of layers(schema)) if (layer.description !== undefined) return layer.description;
  return '';
}

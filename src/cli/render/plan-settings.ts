/** What a plan goes by: the backup settings of its service, in the words of the configuration. */
import { pad, printable } from '#cli/render/text.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { Encryption } from '#sdk/encryption.ts';
import type { Plan } from '#sdk/plan.ts';
import { planSteps } from '#sdk/plan.ts';

/** Paths, commands, what is stopped: whatever the plugin calls it. What is empty is left out, and so are secrets. */
export function settingLines(plan: Plan): string[] {
  const steps = planSteps(plan.root);
  const service = steps.find(({ plugin }) => plugin.kind === 'service');
  const places = new Set(steps.flatMap(({ uses }) => uses.flatMap(({ kind, name }) => placeOf(kind, name))));
  const rows = settings('', service?.plugin.config['backup'] ?? null);
  const recipients = steps.flatMap(({ input }) => recipientsIn(input));
  if (recipients.length > 0) rows.push(['encrypted for', [...new Set(recipients)].join(', ')]);
  if (places.size > 0) rows.push(['destinations', [...places].join(', ')]);
  const column = Math.max(...rows.map(([name]) => name.length), 0);
  return rows.map(([name, value]) => `  ${pad(name, column)}   ${printable(value)}`);
}

/** What a step is told of encryption is the same in all of them. */
function recipientsIn({ encryption }: JsonObject): string[] {
  return Encryption.safeParse(encryption).data?.recipients ?? [];
}

function placeOf(kind: string, name: string): string[] {
  return kind === 'destination' ? [name] : [];
}

function settings(name: string, value: Json): [string, string][] {
  if (value === null || value === '') return [];
  if (typeof value !== 'object') return [[name, String(value)]];
  if (Array.isArray(value)) return value.length === 0 ? [] : [[name, listed(value)]];
  if ('$secret' in value) return [];
  return Object.entries(value).flatMap(([key, member]) => settings(name === '' ? key : `${name}.${key}`, member));
}

/** A list of words is a command, and a list of commands is read one after the other. */
function listed(values: readonly Json[]): string {
  const commands = values.some(Array.isArray);
  const texts = values.map((value) => {
    if (Array.isArray(value)) return value.map(word).join(' ');
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
  return texts.join(commands ? '; ' : ', ');
}

/** A word with a space in it is one word of its command. */
function word(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s'"]+$/.test(text) ? text : JSON.stringify(text);
}

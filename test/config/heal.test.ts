/** A service that says `heal` and that nothing could start is told when the configuration is read, not on the bad day. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { formatIssue } from '#config/issues.ts';
import { checkConfig } from '#config/load.ts';
import { loadPlugins } from '#host/plugins.ts';
import { written } from '#test/config/fixture.ts';

const { catalog } = await loadPlugins({ builtin: path.resolve(import.meta.dirname, '../../plugins') });

async function read(lines: readonly string[]) {
  const own = ['name: notes', 'type: generic', 'validate: [{ type: tcp, port: 8090 }]', ...lines];
  const main = `destinations: { usb: { type: local, path: /mnt/usb } }\nservices:\n  - ${own.join('\n    ')}\n`;
  const cwd = await written({ 'homelab-autopilot.yaml': main });
  const { config, errors } = await checkConfig({ cwd, env: {}, catalog });
  return { heal: config?.services[0]?.heal, told: errors.map((issue) => formatIssue(issue, cwd)) };
}

const BACKUP = 'backup: { destinations: [usb], paths: [/srv/notes]';

test.each([
  [['heal: true'], '6:11'],
  [['heal: { after: 3m }'], '6:11'],
  [[`${BACKUP} }`, 'heal: true'], '7:11'],
  [[`${BACKUP}, commands: { before: [[notesctl, flush]] } }`, 'heal: true'], '7:11'],
])('%j is refused where nothing says how the program is started, with what to add', async (lines, place) => {
  const { told } = await read(lines);

  expect(told).toEqual([
    `homelab-autopilot.yaml:${place}  services[0].heal\n` +
      '  it cannot be restarted: nothing says how it is started; give it `unit`, or backup.quiesce with stop and start commands',
  ]);
});

test.each([
  [['unit: notes.service', 'heal: true']],
  [[`${BACKUP}, quiesce: { stop: [[notesctl, stop]], start: [[notesctl, start]] } }`, 'heal: true']],
])('%j says how it is started', async (lines) => {
  const { heal, told } = await read(lines);

  expect(told).toEqual([]);
  expect(heal).toMatchObject({ attempts: 3 });
});

test.each([[['heal: false']], [[]]])('%j is not asked how it is started', async (lines) => {
  const { told } = await read(lines);

  expect(told).toEqual([]);
});

test('a mistake in the section that would start it is told alone', async () => {
  const { told } = await read([`${BACKUP}, quiesce: { stop: [[notesctl, stop]] } }`, 'heal: true']);

  expect(told).toEqual([expect.stringContaining('stop and start belong together')]);
});

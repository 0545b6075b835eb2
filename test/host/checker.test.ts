/** One check, made on this machine. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createChecker } from '#host/checker.ts';
import { plugin as shelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { openStage, processCount } from '#test/host/stage.ts';
import { checkOf, diskOf } from '#test/monitor/stage.ts';

const never = new AbortController().signal;

const commandCheck = (command: string[], timeout = '10s', timeoutMs = 10_000) =>
  checkOf('notes', { ask: { kind: 'probe', probe: { type: 'command', command, timeout } }, timeoutMs });

test('a probe is asked, and what it saw is told with the time that it took', async () => {
  await using stage = await openStage();
  const check = createChecker(stage.ports, stage.voice);

  const good = await check(commandCheck(['true']), never);
  const bad = await check(commandCheck(['false']), never);

  expect(good).toMatchObject([{ check: 'notes/web', ok: true, asked: 'true' }]);
  expect(bad).toMatchObject([{ check: 'notes/web', ok: false, asked: 'false' }]);
});

test('a probe that cannot be read, or asked, is a bad answer and no failure of ours', async () => {
  await using stage = await openStage();
  const check = createChecker(stage.ports, stage.voice);
  const odd = checkOf('notes', { ask: { kind: 'probe', probe: { type: 'of another version' } } });

  expect(await check(odd, never)).toMatchObject([{ ok: false }]);
  expect(await check(commandCheck(['/no/such/program']), never)).toMatchObject([{ ok: false }]);
});

test('a check that takes too long is a bad answer, and its command is ended', async () => {
  await using stage = await openStage();
  const check = createChecker(stage.ports, stage.voice);

  const [finding] = await check(commandCheck(['sleep', '98765'], '200ms', 200), never);

  expect(finding).toMatchObject({ ok: false });
  expect(await processCount('98765', 0)).toBe(0);
});

test('a secret that is known is not in what is told', async () => {
  await using stage = await openStage();
  stage.ports.masker.add('hunter2-hunter2');
  const check = createChecker(stage.ports, stage.voice);

  const [finding] = await check(commandCheck(['sh', '-c', 'echo hunter2-hunter2 >&2; exit 1']), never);

  expect(JSON.stringify(finding)).not.toContain('hunter2');
});

test('the file systems of this machine are told one by one, against the limit', async () => {
  await using stage = await openStage();

  const findings = await createChecker(stage.ports, stage.voice)(diskOf('nas', 101), never);

  expect(findings.length).toBeGreaterThan(0);
  expect(findings.every(({ ok, item, value }) => ok && item !== null && value !== null)).toBe(true);
});

test('a hypervisor that answers is good, and one that does not is bad', async () => {
  await using stage = await openStage({ plugins: [shelf] });
  const file = join(stage.folder, 'guests.json');
  const plugin = { kind: 'hypervisor' as const, name: 'pve', type: 'shelf', config: { file } };
  const check = createChecker(stage.ports, stage.voice);
  const asked = checkOf('pve', { id: 'hypervisor pve', ask: { kind: 'hypervisor', plugin } });

  const before = await check(asked, never);
  await writeFile(file, '[]');
  const after = await check(asked, never);

  expect(before).toMatchObject([{ ok: false, asked: 'hypervisor pve' }]);
  expect(after).toMatchObject([{ ok: true, detail: 'version 1' }]);
});

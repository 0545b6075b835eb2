/** Schedules with real processes: a controller that is killed around its ticks, and a pause that holds. */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLedgerLog } from '#app/ledger-log.ts';
import type { Fire } from '#schedule/fire.ts';
import { ON_TIME_MS } from '#schedule/judge.ts';
import { type Lab, openLab } from '#test/chaos/lab.ts';
import { FIRST_CONTENT, files } from '#test/fixtures/drill/world.ts';
import { type TempDir, tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const PERIOD_MS = 2_000;

let world: TempDir;
let lab: Lab;

beforeAll(async () => {
  world = await tempDir();
  const folder = (name: string) => join(world.path, name);
  for (const name of ['often', 'queued']) {
    await mkdir(folder(name));
    await writeFile(files.content(folder(name)), FIRST_CONTENT);
  }
  const service = (name: string, overlap: string) =>
    `  - { name: ${name}, type: ledger, host: nas, folder: ${folder(name)}, ` +
    `backup: { schedule: { cron: "*/2 * * * * *", overlap: ${overlap} } } }`;
  lab = await openLab({
    services: 0,
    more: [service('often', 'skip'), service('queued', 'cancel_previous')].join('\n'),
  });
});

afterAll(async () => {
  await lab[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

function ledger(schedule: string): Fire[] {
  using log = openLedgerLog(lab.settings);
  return log?.fires({ schedule, limit: 10_000 }).reverse() ?? [];
}

async function fireAgain(schedule: string, more: number): Promise<void> {
  const before = ledger(schedule).length;
  await eventually(`${more} more slots of ${schedule}`, () => ledger(schedule).length >= before + more, 60_000);
}

/** It may be starting just now, after the death before. */
async function kill(name: string): Promise<void> {
  const before = lab.deaths.length;
  await eventually(`${name} is killed`, () => {
    const pid = lab.pids()[name];
    try {
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    } catch {
      // It is dead already, and the next one is not there yet.
    }
    return lab.deaths.length > before;
  });
}

test('a controller that is killed around its ticks leaves each slot exactly one disposition, and one run at most', async () => {
  await fireAgain('backup.often', 1);

  for (const point of ['fire.before', 'fire.after', 'fire.before', 'fire.after']) {
    const done = join(lab.orders, `done~${point}`);
    await rm(done, { force: true });
    await writeFile(join(lab.orders, `${point}~die~2`), '');
    await eventually(`a death at ${point}`, () => existsSync(done), 60_000);
    await fireAgain('backup.often', 1);
  }
  for (const name of ['controller', 'redis', 'controller', 'worker-0', 'controller']) {
    await kill(name);
    await fireAgain('backup.often', 1);
  }
  await lab.stop();
  const away = Date.now();
  await eventually('some slots pass with nobody there', () => Date.now() > away + 3 * PERIOD_MS);
  await lab.start();
  await fireAgain('backup.often', 3);
  await fireAgain('backup.queued', 1);
  // Nothing is written while both are read.
  await lab.stop();

  for (const schedule of ['backup.often', 'backup.queued']) {
    const fires = ledger(schedule);
    const [first, last] = [fires.at(0), fires.at(-1)].map((fire) => Date.parse(fire?.slot ?? ''));
    const slots = fires.map(({ slot }) => Date.parse(slot));
    const nominal = Array.from({ length: fires.length }, (_, i) => (first ?? 0) + i * PERIOD_MS);
    expect(slots).toEqual(nominal);
    expect(last).toBe(nominal.at(-1));
    // A busy machine may be without a controller for so long that a slot is not on time any more.
    const missed = fires.filter(({ disposition }) => disposition === 'missed');
    expect(missed.filter(({ slot, recordedAt }) => Date.parse(recordedAt) - Date.parse(slot) <= ON_TIME_MS)).toEqual(
      [],
    );

    using history = lab.history();
    const service = schedule.slice('backup.'.length);
    const runs = history?.runs({ service, limit: 10_000 }) ?? [];
    const asked = fires.flatMap(({ run }) => run ?? []);
    expect(new Set(asked).size).toBe(asked.length);
    expect(new Set(runs.map(({ id }) => id))).toEqual(new Set(asked));
  }
  const deaths = lab.deaths.filter(({ name, how }) => name === 'controller' && how.includes('SIGKILL'));
  expect(deaths.length).toBeGreaterThanOrEqual(5);
}, 300_000);

test('a schedule that is paused asks for no run until it is resumed, and its log says so', async () => {
  await lab.start();
  await using controller = await lab.connect();

  const { pausedAt } = await controller.setPaused('backup.often', true);
  await fireAgain('backup.often', 2);
  const paused = ledger('backup.often').filter(({ slot }) => slot > (pausedAt ?? ''));
  const { pausedAt: resumed } = await controller.setPaused('backup.often', false);
  await eventually('a run again', () => ledger('backup.often').at(-1)?.reason !== 'paused');

  expect(paused.map(({ disposition, reason, run }) => [disposition, reason, run])).toEqual(
    paused.map(() => ['skipped', 'paused', null]),
  );
  expect(paused.length).toBeGreaterThan(0);
  expect(resumed).toBeNull();
  await expect(controller.setPaused('backup.oftn', true)).rejects.toThrow('there is no schedule "backup.oftn"');
});

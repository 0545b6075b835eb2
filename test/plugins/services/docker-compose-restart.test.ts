/** Restarts of Compose projects on a real engine: all that is meant to run does, and what a person has stopped stays so. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPlugin, type PluginHarness } from '#host/harness.ts';
import { plugin } from '#plugins/services/docker-compose/index.ts';
import { type Shop, startShop } from '#test/plugins/services/shop.ts';
import { canRunDocker, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { tempDir } from '#test/support/tmp.ts';

let engine: TestEngine;
let harness: PluginHarness;
let stack: Shop;
let dir: Awaited<ReturnType<typeof tempDir>>;

beforeAll(async () => {
  if (canRunDocker()) engine = await startDocker();
});
beforeEach(async (context) => {
  needsDocker(context);
  harness = await openPlugin(plugin);
  dir = await tempDir();
  stack = await startShop(engine, dir.path);
});
afterEach(async () => {
  await engine?.clear();
  await harness?.[Symbol.asyncDispose]();
  await dir?.[Symbol.asyncDispose]();
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});

const restart = async (input = {}) => harness.run('restart', stack.config(), input);
const runsNow = async () => [(await stack.state('web')).running, (await stack.state('db')).running];
const begun = async (service: string) => (await stack.state(service)).started;

test('all that runs is started anew, and what had one thing to do is not', async () => {
  const before = [await begun('web'), await begun('db'), await begun('setup')];

  const output = await restart();

  const after = [await begun('web'), await begun('db'), await begun('setup')];
  expect(output).toEqual({ restarted: true, summary: 'db, web restarted' });
  expect(await runsNow()).toEqual([true, true]);
  expect(after.map((start, i) => start !== before[i])).toEqual([true, true, false]);
});

test('what a person has stopped stays stopped, and the rest is restarted', async () => {
  await engine.docker('stop', (await stack.state('web')).id);

  const output = await restart();
  const started = await restart({ stop: false });

  expect(output).toEqual({ restarted: true, summary: 'db restarted' });
  expect(started).toEqual({ restarted: false, summary: 'nothing to start' });
  expect(await runsNow()).toEqual([false, true]);
});

test('a project that a person has stopped or taken down is left as it is', async () => {
  await engine.docker('stop', (await stack.state('web')).id, (await stack.state('db')).id);
  const stopped = await restart();
  const still = await runsNow();
  await engine.compose(stack.path, 'down');
  const gone = await restart();

  expect(stopped).toEqual({ restarted: false, summary: 'db, setup, web: stopped by somebody, and left so' });
  expect(still).toEqual([false, false]);
  expect(gone).toEqual({ restarted: false, summary: 'it has no containers: somebody has taken it down' });
});

test('what we had stopped ourselves when we were cut short is started, by the next try and by the way out', async () => {
  await harness.run('quiesce', stack.config(), { all: true });
  const again = await restart();
  const afterTry = await runsNow();
  await harness.run('quiesce', stack.config(), { all: true });
  const wayOut = await restart({ stop: false });

  expect(again).toMatchObject({ restarted: true });
  expect(afterTry).toEqual([true, true]);
  expect(wayOut).toEqual({ restarted: true, summary: 'db, web started' });
  expect(await runsNow()).toEqual([true, true]);
});

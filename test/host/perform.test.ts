/** Performing a step: contracts are checked on both sides, limits hold, and what must happen once happens once. */
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LARGEST_OUTPUT } from '#host/call.ts';
import { performAction } from '#host/perform.ts';
import { AutopilotError } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { kinds } from '#sdk/catalog.ts';
import type { ProbeAnswer } from '#sdk/contract.ts';
import { action, kind } from '#sdk/contract.ts';
import { secret } from '#sdk/secret.ts';
import type { Tools } from '#sdk/tools.ts';
import { openStage, processesWith, stepOf } from '#test/host/stage.ts';

const word = {
  input: z.object({ word: z.string().default('hello') }),
  output: z.object({ said: z.string().default('') }),
};
const service = kind('service', 'For tests', {
  say: action('read', 'Says a word', word),
  pay: action('once', 'Pays', word),
});
const destination = kind('destination', 'For tests', { keep: action('idempotent', 'Keeps a word', word) });
const testKinds = { ...kinds, service, destination };

type Say = (tools: Tools<{ volume: number }>, input: { word: string }) => Promise<{ said?: string | undefined }>;

function speaker(say: Say, paid: ProbeAnswer = 'unknown') {
  return service.define({
    id: 'speaker',
    title: 'A speaker',
    config: z.object({ volume: z.number().default(5), password: secret().optional() }),
    actions: { say, pay: say },
    probes: { pay: async () => paid },
  });
}

const keeper = destination.define({
  id: 'keeper',
  title: 'A keeper',
  config: z.object({ shelf: z.string() }),
  actions: { keep: async ({ config, name }, { word: kept }) => ({ said: `${name} keeps ${kept} on ${config.shelf}` }) },
});

const plugin = { kind: 'service' as const, name: 'radio', type: 'speaker', config: {} };

async function stageWith(say: Say, paid?: ProbeAnswer) {
  return openStage({ plugins: [speaker(say, paid), keeper], kinds: testKinds, secrets: { 'x.password': 'hunter22' } });
}

const never = new AbortController().signal;

describe('an action', () => {
  test('gets its configuration and input with defaults, and its output comes back checked', async () => {
    await using stage = await stageWith(async ({ config, name, host }, { word: said }) => {
      return { said: `${name} on ${host} at ${config.volume}: ${said}`, more: undefined };
    });

    const output = await performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    expect(output).toEqual({ said: 'radio on nas at 5: hello' });
  });

  test.each([
    ['HA_CONFIG_INVALID', { plugin: { ...plugin, config: { loud: true } } }],
    ['HA_PLUGIN_INVALID', { plugin: { ...plugin, type: 'gramophone' } }],
    ['HA_PLUGIN_INVALID', { action: 'sing' }],
    ['HA_PLUGIN_INVALID', { input: { word: 5 } }],
  ])('fails with %s for what does not fit: %j', async (code, wrong) => {
    await using stage = await stageWith(async () => ({}));

    const failed = performAction(stepOf(stage, { plugin, action: 'say', ...wrong }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({ code });
  });

  test('that gives what its contract does not promise fails with HA_BAD_OUTPUT', async () => {
    await using stage = await stageWith(async () => JSON.parse('{"said": 5}'));

    const failed = performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({ code: 'HA_BAD_OUTPUT' });
  });

  test.each([
    ['HA_INTERNAL', new TypeError('x is undefined')],
    ['HA_NO_SPACE', Object.assign(new Error('write'), { code: 'ENOSPC' })],
    [
      'HA_REMOTE_UNREACHABLE',
      new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }),
    ],
    ['HA_NO_SPACE', new AutopilotError('HA_NO_SPACE', 'full')],
  ])('that throws something becomes %s', async (code, thrown) => {
    await using stage = await stageWith(async () => {
      throw thrown;
    });

    const failed = performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({ name: 'AutopilotError', code });
  });

  test('that gives more than Redis and the history are made for fails with HA_BAD_OUTPUT, and names the plugin', async () => {
    await using stage = await stageWith(async () => ({ said: 'x'.repeat(LARGEST_OUTPUT) }));

    const failed = performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({
      code: 'HA_BAD_OUTPUT',
      message: 'radio: say of the plugin speaker gave an output of 32 MiB; more than 32 MiB is not taken',
      next: expect.stringContaining('file'),
    });
  });

  test('may use the instances that the plan handed to it, and no others', async () => {
    await using stage = await stageWith(async (tools) => tools.use(destination, 'usb').keep({ word: 'this' }));
    const usb = { kind: 'destination' as const, name: 'usb', type: 'keeper', config: { shelf: 'top' } };

    const kept = await performAction(stepOf(stage, { plugin, action: 'say', uses: [usb] }), stage.ports, never);
    const refused = performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    expect(kept).toEqual({ said: 'usb keeps this on top' });
    await expect(refused).rejects.toMatchObject({ code: 'HA_PLUGIN_INVALID' });
  });

  test('has a scratch directory of its own that is gone afterwards', async () => {
    await using stage = await stageWith(async (tools) => {
      const folder = await tools.scratch();
      await writeFile(join(folder, 'file'), 'x');
      return { said: folder === (await tools.scratch()) ? folder : 'another one' };
    });

    const { said } = await performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    await expect(access(z.string().parse(said))).rejects.toThrow('ENOENT');
    expect(await readdir(join(stage.folder, 'scratch'))).toEqual([]);
  });
});

describe('a secret that an action asked for', () => {
  const ref = { $secret: { path: 'x.password', source: { from: 'configuration' as const } } };

  test('is masked in the log, the progress and the output', async () => {
    await using stage = await stageWith(async (tools) => {
      const value = await tools.secret(ref);
      tools.log.info(`using ${value}`, { value });
      tools.progress({ note: value });
      return { said: value };
    });

    const output = await performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);

    expect(output).toEqual({ said: '***' });
    expect(stage.lines).toEqual([{ level: 'info', message: 'using ***', fields: { value: '***' } }]);
    expect(stage.progress).toEqual([{ note: '***' }]);
  });

  test('is masked in the error of a command and in the stack of an unexpected one', async () => {
    await using stage = await stageWith(async (tools, { word: how }) => {
      const value = await tools.secret(ref);
      if (how === 'throw') throw new TypeError(value);
      return { said: (await tools.exec(['sh', '-c', 'echo "$P" >&2; exit 1'], { env: { P: value } })).stdout };
    });
    const thrown = (how: string) => stepOf(stage, { plugin, action: 'say', input: { word: how } });

    const failures = await Promise.allSettled([
      performAction(thrown('throw'), stage.ports, never),
      performAction(thrown('exec'), stage.ports, never),
    ]);

    const told = JSON.stringify([
      failures.map((one) => (one.status === 'rejected' ? String(one.reason) : one)),
      stage.lines,
    ]);
    expect(told).not.toContain('hunter22');
    expect(told.match(/\*\*\*/g)?.length).toBeGreaterThanOrEqual(3);
  });
});

describe('an action that is stopped', () => {
  test('by its time limit fails with HA_STEP_TIMEOUT, and its commands are gone', async () => {
    const marker = newId();
    await using stage = await stageWith(async (tools) => {
      return { said: (await tools.exec(['sh', '-c', 'sleep 1000; true', marker])).stdout };
    });

    const failed = performAction(stepOf(stage, { plugin, action: 'say', timeoutMs: 200 }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({ code: 'HA_STEP_TIMEOUT' });
    expect(await processesWith(marker)).toEqual([]);
  });

  test('fails with the reason of the signal, even when it makes up an answer', async () => {
    const abort = new AbortController();
    await using stage = await stageWith(async (tools) => {
      abort.abort(new AutopilotError('HA_LOCK_LOST', 'another worker has it'));
      await tools.exec(['true']).catch(() => undefined);
      return { said: 'all is well' };
    });

    const failed = performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, abort.signal);

    await expect(failed).rejects.toMatchObject({ code: 'HA_LOCK_LOST' });
  });

  test('is not waited for when it ignores its signal', async () => {
    await using stage = await stageWith(async () => new Promise(() => undefined));
    const ports = { ...stage.ports, patienceMs: 50 };

    const failed = performAction(stepOf(stage, { plugin, action: 'say', timeoutMs: 50 }), ports, never);

    await expect(failed).rejects.toMatchObject({ code: 'HA_STEP_TIMEOUT' });
  });

  test('leaves no command behind that it started and did not wait for', async () => {
    const marker = newId();
    await using stage = await stageWith(async (tools) => {
      tools.spawn(['sh', '-c', 'sleep 1000; true', marker]);
      return {};
    });

    await performAction(stepOf(stage, { plugin, action: 'say' }), stage.ports, never);
    await stage.processes[Symbol.asyncDispose]();

    expect(await processesWith(marker)).toEqual([]);
  });
});

describe('an action that may happen only once, and was cut short,', () => {
  const cases = [
    ['is not run again when its probe says that it happened', 'done', [], { said: '' }],
    ['is run when its probe says that it did not happen', 'not-done', ['paid'], { said: 'paid' }],
  ] as const;

  test.each(cases)('%s', async (_, answer, expected, result) => {
    const ran: string[] = [];
    await using stage = await stageWith(async () => ({ said: (ran.push('paid'), 'paid') }), answer);

    const output = await performAction(stepOf(stage, { plugin, action: 'pay', mayHaveRun: true }), stage.ports, never);

    expect(ran).toEqual(expected);
    expect(output).toEqual(result);
  });

  test('is a person’s matter when its probe cannot tell', async () => {
    const ran: string[] = [];
    await using stage = await stageWith(async () => ({ said: (ran.push('paid'), 'paid') }), 'unknown');

    const failed = performAction(stepOf(stage, { plugin, action: 'pay', mayHaveRun: true }), stage.ports, never);

    await expect(failed).rejects.toMatchObject({ code: 'HA_OUTCOME_UNKNOWN' });
    expect(ran).toEqual([]);
  });

  test('is run without asking when it never began', async () => {
    await using stage = await stageWith(async () => ({ said: 'paid' }), 'unknown');

    const output = await performAction(stepOf(stage, { plugin, action: 'pay' }), stage.ports, never);

    expect(output).toEqual({ said: 'paid' });
  });

  test('cannot hide inside of another action', async () => {
    await using stage = await stageWith(async (tools) => tools.use(service, 'other').pay({}));
    const uses = [{ ...plugin, name: 'other' }];

    const failed = performAction(stepOf(stage, { plugin, action: 'say', uses }), stage.ports, never);

    await expect(failed).rejects.toThrow('can only be a step of its own');
  });
});

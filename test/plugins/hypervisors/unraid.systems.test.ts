/** Unraid's containers on a real Docker engine, and their snapshots through a real SSH server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, type TestContext, test } from 'vitest';
import { volumeName } from '#sdk/docker/shelf.ts';
import { type GuestBed, keepsGuests } from '#test/plugins/hypervisors/promises.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { needs } from '#test/support/needs.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { realWorld, type World } from '#test/support/unraid/worlds.ts';
import { openUnraidBed, type UnraidBed } from './unraid-bed.ts';

const PATIENCE_MS = 300_000;
const LABEL = 'autopilot-b7k2';
const MANAGED = 'net.unraid.docker.managed';
const SLEEP = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];

let engine: TestEngine | undefined;
let sshd: TestSshd;

beforeAll(async () => {
  if (canRunDocker()) engine = await startDocker();
}, PATIENCE_MS);
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
});
beforeEach(async (context) => {
  needs(context, 'sshd', 'ssh-keygen', 'ssh');
  withoutMachines = false;
  sshd = await startSshd(engine === undefined ? '' : `SetEnv DOCKER_HOST=unix://${engine.socket}\n`);
});
afterEach(async () => {
  await sshd?.[Symbol.asyncDispose]();
  await engine?.clear();
});

/** As when its VM manager is off. */
let withoutMachines = false;

const openBed = () => {
  const world = realWorld({ engine, stopSeconds: 1 });
  const list: World['list'] = async (type) => {
    if (type === 'vm' && withoutMachines) throw new Error('VMs are not available');
    return await world.list(type);
  };
  return openUnraidBed({ ...world, list }, sshd);
};

function dockerOf(context: Pick<TestContext, 'skip'>): TestEngine {
  needsDocker(context);
  if (engine === undefined) throw new Error('the engine was started');
  return engine;
}

/** As Unraid makes one: with a label of its own, and with its settings on the server's disk. */
async function openContainer(context: Pick<TestContext, 'skip'>): Promise<GuestBed & UnraidBed> {
  const { docker, clear } = dockerOf(context);
  const mounts = ['-v', 'notes_data:/data', '-v', '/etc:/config:ro'];
  await docker('run', '-d', '--name', 'notes', '--label', `${MANAGED}=dockerman`, ...mounts, IMAGE, ...SLEEP);
  const bed = await openBed();
  return {
    ...bed,
    guest: 'notes',
    write: async (text) => void (await docker('exec', 'notes', 'sh', '-c', `echo ${text} > /data/text`)),
    read: () => docker('exec', 'notes', 'cat', '/data/text'),
    foreignSnapshot: async (label) => {
      await docker('volume', 'create', volumeName({ guest: 'notes', label }, 'record'));
    },
    async [Symbol.asyncDispose]() {
      await bed[Symbol.asyncDispose]();
      await clear();
    },
  };
}

describe('a container', () => {
  keepsGuests(openContainer);

  test('that was killed because it did not stop is told as stopped by force', async (context) => {
    await dockerOf(context).docker('run', '-d', '--name', 'deaf', IMAGE, 'sleep', '1000');
    await using bed = await openBed();

    const done = await bed.act('ensureState', { guest: 'deaf', state: 'stopped' });

    expect(done).toEqual({ changed: true, forced: true });
  });

  // Each question to the engine is a login of its own, so that all promises of snapshots would take minutes here.
  test('comes back from its snapshot with its labels, also when an earlier way back has taken it away', async (context) => {
    const { docker } = dockerOf(context);
    await using bed = await openContainer(context);
    const at = { guest: 'notes', label: LABEL, run: 'r1' };
    await bed.write('before');

    const { leavesOut } = await bed.act('canSnapshot', { guest: 'notes' });
    await bed.act('snapshot', at);
    await docker('rm', '--force', 'notes');
    withoutMachines = true;
    await bed.act('restoreSnapshot', at);

    expect(leavesOut).toEqual(['bind mount /etc', expect.stringContaining('the template')]);
    expect(await bed.read()).toBe('before');
    expect(await docker('inspect', '--format', `{{index .Config.Labels "${MANAGED}"}}`, 'notes')).toBe('dockerman');
    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: true });
  });

  test('has a snapshot of somebody else neither adopted nor removed', async (context) => {
    await using bed = await openContainer(context);
    const at = { guest: 'notes', label: LABEL, run: 'r1' };
    await bed.foreignSnapshot(LABEL);

    await expect(bed.act('snapshot', at)).rejects.toMatchObject({ code: 'HA_CONFLICT' });
    expect(await bed.act('deleteSnapshot', at)).toEqual({ removed: false });
    expect(await bed.act('listSnapshots', { guest: 'notes' })).toMatchObject({ snapshots: [{ run: null }] });
  });
});

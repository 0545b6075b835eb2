/** `updates`: what is newer as people read it, and decisions as they type them. */
import { describe, expect, test } from 'vitest';
import type { UpdateReport } from '#app/update-check.ts';
import type { ImageVerdict } from '#sdk/versions/settings.ts';
import { scriptedController } from '#test/cli/scripted-controller.ts';
import { stage } from '#test/cli/stage.ts';

const OLD = `sha256:${'a'.repeat(64)}`;
const NEW = `sha256:${'b'.repeat(64)}`;

const image = (name: string, more: Partial<ImageVerdict> = {}): ImageVerdict => ({
  name,
  reference: `shop/${name}:1.0.0`,
  current: { tag: '1.0.0', digest: OLD },
  kind: 'up_to_date',
  to: null,
  why: 'nothing newer',
  readyAt: null,
  reason: null,
  ...more,
});

const minor: Partial<ImageVerdict> = {
  kind: 'available',
  to: { tag: '1.1.0', digest: NEW, createdAt: '2026-02-20T00:00:00.000Z', level: 'minor' },
  why: 'minor update',
};
const moved: Partial<ImageVerdict> = {
  current: { tag: 'latest', digest: OLD },
  kind: 'held',
  to: { tag: 'latest', digest: NEW, createdAt: null, level: 'digest' },
  why: 'the policy is manual: it waits to be approved',
};
const major: Partial<ImageVerdict> = {
  current: { tag: '16.4', digest: OLD },
  kind: 'held',
  to: { tag: '17.0', digest: null, createdAt: null, level: 'major' },
  why: 'a new major version of postgres may not read the data of the old one: it waits to be approved',
};

function report(images: ImageVerdict[], more: Partial<UpdateReport> = {}): UpdateReport {
  const service = { service: 'shop', host: 'nas', policy: 'minor' as const, images, problem: null };
  return { services: [service], limits: [], ...more };
}

function staged(found: UpdateReport, controller = scriptedController({})) {
  return { controller, ...stage({ rooms: { checkUpdates: async () => found }, controller }) };
}

describe('the list', () => {
  test('has a line for each image: current, available, age, policy, verdict and why', async () => {
    const images = [
      image('web', minor),
      image('db', major),
      image('tool', moved),
      image('cache'),
      image('lost', { kind: 'unknown', why: 'registry.lan cannot be reached', reason: 'unreachable' }),
    ];

    const { status, stdout } = await staged(report(images)).run('updates');

    expect(status).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '));
    expect(lines.slice(0, 6)).toEqual([
      'SERVICE | IMAGE | CURRENT | AVAILABLE | AGE | POLICY | VERDICT | WHY',
      'shop | web | 1.0.0 | 1.1.0 | 9 d | minor | available | minor update',
      `shop | db | 16.4 | 17.0 | – | minor | held | ${major.why}`,
      `shop | tool | latest@aaaaaaaaaaaa | latest@bbbbbbbbbbbb | – | minor | held | ${moved.why}`,
      'shop | cache | 1.0.0 | – | – | minor | up to date | nothing newer',
      'shop | lost | 1.0.0 | – | – | minor | unknown | registry.lan cannot be reached',
    ]);
  });

  test('shows a service of which nothing is known as unknown, with the reason', async () => {
    const lost = {
      service: 'far',
      host: 'docker-1',
      policy: 'minor' as const,
      images: [],
      problem: 'it runs on docker-1',
    };

    const { stdout } = await staged(report([], { services: [lost] })).run('updates');

    expect(stdout).toMatch(/far .* unknown +it runs on docker-1/);
  });

  test('tells how often registries may still be asked', async () => {
    const limits = [
      { registry: 'docker.io', limit: 100, remaining: 76, windowSeconds: 21_600, waitUntil: null },
      { registry: 'ghcr.io', limit: null, remaining: null, windowSeconds: null, waitUntil: '2026-03-01T13:30:00.000Z' },
    ];

    const { stderr } = await staged(report([image('web')], { limits })).run('updates');

    expect(stderr).toContain('docker.io: 76 of 100 requests left in 6 h');
    expect(stderr).toContain('ghcr.io takes no more requests until 13:30');
  });

  test('is one document with --json', async () => {
    const found = report([image('web', minor)]);

    const { stdout } = await staged(found).run('updates', 'list', 'shop', '--json');

    expect(JSON.parse(stdout)).toEqual(found);
  });

  test('has no control characters of a registry in it', async () => {
    const { stdout } = await staged(report([image('web', { why: 'no\u001b[2J' })])).run('updates');

    expect(stdout).toContain('no\\x1b[2J');
  });
});

describe('a decision', () => {
  test('without a version approves what is held now, each image by what says most of it', async () => {
    const { controller, run } = staged(report([image('web', minor), image('db', major), image('tool', moved)]));

    const { status, stdout } = await run('updates', 'approve', 'shop');

    expect(status).toBe(0);
    const decisions = [
      { image: 'db', version: '17.0', decision: 'approve' },
      { image: 'tool', version: NEW, decision: 'approve' },
    ];
    expect(controller.asked).toEqual([{ method: 'decide', parameters: { service: 'shop', decisions } }]);
    expect(stdout).toBe('shop/db: 17.0 approved\nshop/tool: bbbbbbbbbbbb approved\n');
  });

  test.each([
    [['skip', 'shop', '--image', 'web'], [{ image: 'web', version: '1.1.0', decision: 'skip' }]],
    [
      ['pin', 'shop'],
      [
        { image: 'web', version: '1.0.0', decision: 'pin' },
        { image: 'tool', version: OLD, decision: 'pin' },
      ],
    ],
  ])('%j skips also what is available, pins what runs, and may speak of one image', async (words, decisions) => {
    const { controller, run } = staged(report([image('web', minor), image('tool', moved)]));

    await run('updates', ...words);

    expect(controller.asked.map(({ parameters }) => parameters)).toEqual([{ service: 'shop', decisions }]);
  });

  test('with a version asks no registry', async () => {
    const controller = scriptedController({});
    const { run } = stage({ controller });

    const { stdout } = await run('updates', 'approve', 'shop', '17.0');

    expect(controller.asked).toMatchObject([
      { parameters: { decisions: [{ image: null, version: '17.0', decision: 'approve' }] } },
    ]);
    expect(stdout).toBe('shop: 17.0 approved\n');
  });

  test.each([
    [['approve', 'shop', '--image', 'web'], 'nothing of shop is held'],
    [['approve', 'shop', '--image', 'wev'], 'shop has no image "wev"'],
    [['approve', 'shop', 'a b'], 'neither a tag nor a digest'],
    [['skip', 'shop', 'sha256:abc'], 'neither a tag nor a digest'],
  ])('%j is refused, and nothing is decided', async (words, message) => {
    const { controller, run } = staged(report([image('web', minor)]));

    const { status, stderr } = await run('updates', ...words);

    expect([status, controller.asked]).toEqual([2, []]);
    expect(stderr).toContain(message);
  });

  test('is not taken where nobody can say what runs', async () => {
    const lost = { service: 'shop', host: 'nas', policy: 'minor' as const, images: [], problem: 'Docker is away' };
    const { controller, run } = staged(report([], { services: [lost] }));

    const { status, stderr } = await run('updates', 'pin', 'shop');

    expect([status, controller.asked]).toEqual([1, []]);
    expect(stderr).toContain('Docker is away');
  });

  test('is kept by the controller: without one it is not taken, with exit status 3', async () => {
    const { status } = await stage({ rooms: { checkUpdates: async () => report([]) } }).run(
      'updates',
      'skip',
      'shop',
      '1',
    );

    expect(status).toBe(3);
  });

  test('is taken back by unpin', async () => {
    const { controller, run } = staged(report([]));

    const { stdout } = await run('updates', 'unpin', 'shop', '--image', 'db');

    expect(controller.asked).toEqual([{ method: 'unpin', parameters: { service: 'shop', image: 'db' } }]);
    expect(stdout).toBe('shop is not pinned any more\n');
  });
});

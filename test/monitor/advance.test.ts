/** When something counts as down, who is to blame, and who is told of it. */
import { describe, expect, test } from 'vitest';
import { checkOf, diskOf, MINUTE, resultOf, stageOf, tales } from '#test/monitor/stage.ts';

const notes = checkOf('notes');

describe('one service', () => {
  test('is down after as many bad answers in a row as the threshold says, and told once', () => {
    const stage = stageOf([notes]);

    stage.step(0, resultOf(notes, 0));
    stage.step(2 * MINUTE, resultOf(notes, MINUTE, { ok: false }), resultOf(notes, 2 * MINUTE, { ok: false }));
    const before = tales(stage);
    stage.step(3 * MINUTE, resultOf(notes, 3 * MINUTE, { ok: false }));
    stage.step(4 * MINUTE, resultOf(notes, 4 * MINUTE, { ok: false }));

    expect(before).toEqual([]);
    expect(tales(stage)).toEqual(['down service:notes']);
    expect(stage.incidents()).toMatchObject([{ startedAt: MINUTE, cause: 'GET /: connection refused', endedAt: null }]);
  });

  test('is up again after as many good answers in a row as the threshold says', () => {
    const stage = stageOf([notes]);

    for (let i = 0; i < 5; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));
    stage.step(5 * MINUTE, resultOf(notes, 5 * MINUTE));
    const once = tales(stage);
    stage.step(6 * MINUTE, resultOf(notes, 6 * MINUTE));

    expect(once).toEqual(['down service:notes']);
    expect(tales(stage)).toEqual(['down service:notes', 'up service:notes']);
    expect(stage.incidents()).toMatchObject([{ startedAt: 0, endedAt: 6 * MINUTE }]);
  });

  test('that nothing was heard of is not known, and not down', () => {
    const stage = stageOf([notes]);

    stage.step(0, resultOf(notes, 0));
    stage.away.set('nas', 0);
    stage.step(60 * MINUTE);

    expect(tales(stage)).toEqual([]);
    expect(stage.world.incidents.size).toBe(0);
  });

  test('one answer that comes twice counts once', () => {
    const stage = stageOf([notes]);

    for (let i = 0; i < 3; i++) stage.step(1_000, resultOf(notes, i * 100, { ok: false }));

    expect(stage.world.states.get('notes/web')).toMatchObject({ state: 'unknown', streak: -1 });
  });

  test('bad answers with a long silence between them are not in a row', () => {
    const stage = stageOf([notes]);

    for (let i = 0; i < 6; i++) stage.step(i * 10 * MINUTE, resultOf(notes, i * 10 * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual([]);
  });

  test('a clock that was set back does not stop the watch', () => {
    const stage = stageOf([notes]);

    stage.step(600 * MINUTE, resultOf(notes, 600 * MINUTE));
    for (let i = 0; i < 3; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual(['down service:notes']);
  });

  test('what is still down is told again after the reminder interval, and then at each', () => {
    const stage = stageOf([notes], [], 60 * MINUTE);

    for (let i = 0; i <= 125; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual(['down service:notes', 'still service:notes', 'still service:notes']);
  });

  test('a service that is taken out of the configuration has no incident any more', () => {
    const stage = stageOf([notes]);
    for (let i = 0; i < 3; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));
    const after = stageOf([checkOf('wiki')]);
    after.world = stage.world;

    after.step(5 * MINUTE);

    expect(after.world.incidents.size).toBe(0);
  });
});

describe('our own runs', () => {
  const run = { id: 'r1', service: 'notes', startedAt: 2 * MINUTE, finishedAt: null };

  test('keep bad answers from counting while they have the service, and shortly after', () => {
    const stage = stageOf([notes]);
    stage.runs = [run];

    for (let i = 2; i < 30; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));
    stage.runs = [{ ...run, finishedAt: 30 * MINUTE }];
    stage.step(31 * MINUTE, resultOf(notes, 30.9 * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual([]);
    expect(stage.world.incidents.size).toBe(0);
  });

  test('a service that does not come back after one is told, with the run', () => {
    const stage = stageOf([notes]);
    stage.runs = [{ ...run, finishedAt: 3 * MINUTE }];

    for (let i = 3; i < 10; i++) stage.step(i * MINUTE, resultOf(notes, i * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual(['down service:notes']);
    expect(stage.incidents()).toMatchObject([{ run: 'r1', startedAt: 5 * MINUTE }]);
  });

  test('silence those that need the service as well', () => {
    const wiki = checkOf('wiki');
    const services = [
      { name: 'notes', host: 'nas', dependsOn: [] },
      { name: 'wiki', host: 'nas', dependsOn: ['notes'] },
    ];
    const stage = stageOf([notes, wiki], services);
    stage.runs = [run];

    for (let i = 2; i < 30; i++) stage.step(i * MINUTE, resultOf(wiki, i * MINUTE, { ok: false }));

    expect(tales(stage)).toEqual([]);
  });

  test('their time counts neither as up nor as down', () => {
    const stage = stageOf([notes]);

    stage.step(0, resultOf(notes, 0));
    stage.step(MINUTE, resultOf(notes, MINUTE));
    stage.runs = [{ ...run, startedAt: MINUTE + 1 }];
    stage.step(2 * MINUTE, resultOf(notes, 2 * MINUTE, { ok: false }));
    stage.runs = [];
    stage.step(3 * MINUTE, resultOf(notes, 3 * MINUTE, { ok: false }));

    const sums = stage.deltas.filter(({ key }) => key === 'service:notes');
    expect(sums.map(({ upMs, plannedMs, downMs }) => [upMs, plannedMs, downMs])).toEqual([
      [0, 0, 0],
      [MINUTE, 0, 0],
      [0, MINUTE, 0],
      [0, 0, MINUTE],
    ]);
  });
});

describe('who is to blame', () => {
  const caddy = checkOf('caddy');
  const wiki = checkOf('wiki');
  const outside = checkOf('wiki', { id: 'wiki/outside', subject: 'external:wiki' });
  const services = [
    { name: 'wiki', host: 'nas', dependsOn: ['caddy'] },
    { name: 'caddy', host: 'nas', dependsOn: [] },
  ];

  test.each([
    ['first', 0],
    ['last', 1_000],
  ])('the root is told alone, also when it is found %s', (_order, lateMs) => {
    const stage = stageOf([caddy, wiki, outside], services);

    for (let i = 0; i < 8; i++) {
      const at = i * MINUTE;
      stage.step(at, resultOf(wiki, at, { ok: false }), resultOf(outside, at, { ok: false }));
      stage.step(at + lateMs, resultOf(caddy, at + lateMs, { ok: false }));
    }

    expect(tales(stage)).toEqual(['down service:caddy']);
    expect(stage.world.incidents.get('service:wiki')).toMatchObject({ root: 'service:caddy', toldAt: null });
  });

  test('what does not come back after its root did is told by itself', () => {
    const stage = stageOf([caddy, wiki], services);

    for (let i = 0; i < 20; i++) {
      const at = i * MINUTE;
      stage.step(at, resultOf(wiki, at, { ok: false }), resultOf(caddy, at, { ok: i >= 5 }));
    }

    expect(tales(stage)).toEqual(['down service:caddy', 'up service:caddy', 'down service:wiki']);
  });

  test('what comes back together with its root is not told at all', () => {
    const stage = stageOf([caddy, wiki], services);

    for (let i = 0; i < 20; i++) {
      const at = i * MINUTE;
      stage.step(at, resultOf(wiki, at, { ok: i >= 6 }), resultOf(caddy, at, { ok: i >= 5 }));
    }

    expect(tales(stage)).toEqual(['down service:caddy', 'up service:caddy']);
  });

  test('a service that is down while what it needs is up is told', () => {
    const stage = stageOf([caddy, wiki], services);

    for (let i = 0; i < 5; i++) {
      const at = i * MINUTE;
      stage.step(at, resultOf(wiki, at, { ok: false }), resultOf(caddy, at));
    }

    expect(tales(stage)).toEqual(['down service:wiki']);
  });

  test('a hypervisor that is gone is told, and not the guests on it', () => {
    const platform = checkOf('pve', { id: 'hypervisor pve', subject: 'hypervisor:pve' });
    const stage = stageOf(
      [wiki, platform],
      [{ name: 'wiki', host: 'nas', dependsOn: [], guest: { hypervisor: 'pve' } }],
    );

    for (let i = 0; i < 6; i++) {
      const at = i * MINUTE;
      stage.step(at, resultOf(wiki, at, { ok: false }), resultOf(platform, at, { ok: false }));
    }

    expect(tales(stage)).toEqual(['down hypervisor:pve']);
    expect(stage.world.incidents.get('service:wiki')).toMatchObject({ root: 'hypervisor:pve' });
  });

  test('a host whose worker is away is told once, and its services are not', () => {
    const stage = stageOf([caddy, wiki], services);
    stage.step(0, resultOf(caddy, 0), resultOf(wiki, 0));

    for (let i = 1; i < 60; i++) {
      stage.away.set('nas', i * MINUTE);
      stage.step(i * MINUTE);
    }
    stage.away.clear();
    stage.step(60 * MINUTE, resultOf(caddy, 60 * MINUTE), resultOf(wiki, 60 * MINUTE));

    expect(tales(stage)).toEqual(['down host:nas', 'up host:nas']);
  });
});

describe('what runs out', () => {
  const disk = diskOf('nas');
  const fill = (at: number, value: number, item = '/') => resultOf(disk, at, { item, value, asked: `disk ${item}` });

  test('is told for each file system by itself', () => {
    const stage = stageOf([disk]);

    for (let i = 0; i < 4; i++) {
      stage.step(i * MINUTE, fill(i * MINUTE, 95, '/'), fill(i * MINUTE, 50, '/srv'), fill(i * MINUTE, 99, '/usb'));
    }

    expect(tales(stage)).toEqual(['down resource:nas/disk /', 'down resource:nas/disk /usb']);
  });

  test('is good again only well below the limit', () => {
    const stage = stageOf([disk]);
    const values = [91, 91, 91, 89, 90, 88, 91, 86, 89, 85, 85];

    for (const [i, value] of values.entries()) stage.step(i * MINUTE, fill(i * MINUTE, value));

    expect(tales(stage)).toEqual(['down resource:nas/disk /', 'up resource:nas/disk /']);
    expect(stage.incidents()).toMatchObject([{ endedAt: 10 * MINUTE }]);
  });

  test('a file system that was taken away is not short of room any more', () => {
    const stage = stageOf([disk]);

    for (let i = 0; i < 3; i++) stage.step(i * MINUTE, fill(i * MINUTE, 99, '/usb'));
    stage.step(30 * MINUTE);

    expect(stage.world.incidents.size).toBe(0);
  });
});

/** Rehearsals of updates on a real engine: a copy is broken in every way and comes back; the project never notices. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Rehearsal } from '#app/rehearse/rehearse.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { hasTool, needs } from '#test/support/needs.ts';

const call = promisify(execFile);

let engine: TestEngine;
let lab: TestHomelab;

beforeAll(async () => {
  if (!canRunDocker() || !hasTool('sqlite3')) return;
  engine = await startDocker();
  lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/s, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
updates: { gate: { timeout: 20s, stable_for: 500ms } }
services:
  - name: shop
    type: docker-compose
    path: ./shop
    project: shop
    socket: ${engine.socket}
    backup:
      destinations: [usb]
      databases: [{ type: sqlite, path: data/app.db }]
      quiesce: { timeout: 5m }
  - { name: notes, type: generic, backup: { paths: [DIR/shop], destinations: [usb] } }
`);
  await lab.write(
    'shop/compose.yaml',
    `services:
  web:
    image: "${IMAGE}"
    container_name: the-shop
    network_mode: none
    init: true
    command: [sleep, "100000"]
    restart: unless-stopped
    stop_grace_period: 1s
    volumes: ["files:/data", "./data:/app"]
    healthcheck: { test: [CMD, test, -s, /app/app.db], interval: 1s, retries: 2 }
volumes: { files: }
`,
  );
  await mkdir(join(lab.dir, 'shop/data'));
  await call('sqlite3', [join(lab.dir, 'shop/data/app.db'), 'CREATE TABLE notes (text)']);
  await engine.compose(join(lab.dir, 'shop'), 'up', '-d');
  await engine.docker('exec', 'the-shop', 'sh', '-c', 'echo precious > /data/note');
  const up = await lab.start(['up', '--port', '0']);
  await lab.backup('shop');
  // A rehearsal needs no controller: it brings its own.
  await up.stop();
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

beforeEach((context) => {
  needsDocker(context);
  needs(context, 'sqlite3');
});

async function world(): Promise<string[]> {
  return [
    await engine.docker('ps', '-aq', '--no-trunc'),
    await engine.docker('volume', 'ls', '-q'),
    await engine.docker('network', 'ls', '-q'),
    await engine.docker('image', 'ls', '-a', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'),
    await engine.docker('exec', 'the-shop', 'cat', '/data/note'),
    (await readdir(join(lab.dir, 's', 'rehearsals')).catch(() => [])).join(' '),
  ];
}

test('a copy of a project is broken in every way, comes back each time, and nothing is left of it', async () => {
  const before = await world();

  const { status, stdout, stderr } = await lab.cli(['rehearse', 'shop', '--json']);

  expect(stdout, stderr).not.toBe('');
  const rehearsal = JSON.parse(stdout) as Rehearsal;
  expect(rehearsal.attempts.filter(({ ok }) => ok === false)).toEqual([]);
  expect(rehearsal).toMatchObject({ service: 'shop', newer: false });
  expect(rehearsal.passed).toBeGreaterThanOrEqual(5);
  expect(rehearsal.attempts.find(({ name }) => name.startsWith('kill -9'))?.detail).toMatch(/killed \d\d times/);
  expect(status).toBe(0);
  expect(await world()).toEqual(before);
}, 1_800_000);

test('a service that cannot be copied is refused before anything is done', async () => {
  const { status, stderr } = await lab.cli(['rehearse', 'notes']);

  expect(status).not.toBe(0);
  expect(stderr).toContain('only docker-compose services with backups can');
});

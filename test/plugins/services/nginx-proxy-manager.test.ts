/** What users may write for Nginx Proxy Manager, and which ways back are refused before they begin. */
import { expect, test } from 'vitest';
import { instanceSchema } from '#host/plugin-config.ts';
import { plugin } from '#plugins/services/nginx-proxy-manager/index.ts';
import { startHomelab } from '#test/support/homelab.ts';

test.each([
  ['an address of another machine', { url: 'http://192.168.1.2:81' }],
  ['an address with a path', { url: 'http://127.0.0.1:81/api' }],
  ['a relative directory', { path: 'manager' }],
])('a service with %s is refused', (_, config) => {
  expect(instanceSchema(plugin).safeParse({ path: '/srv/npm', backup: {}, ...config }).success).toBe(false);
});

test.each([
  [['rollback', 'proxy', '--input', 'data=false'], 'image', 'data'],
  [['rollback', 'proxy', '--input', 'image=false'], 'data', 'image'],
  [['update', 'halves'], 'image', 'data'],
])('%j is refused before anything is begun: image and data only go back together', async (words, half, missing) => {
  await using lab = await startHomelab(`version: 1
global: { name: test, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - &proxy { name: proxy, type: nginx-proxy-manager, path: ./npm, backup: { destinations: [usb] } }
  - { <<: *proxy, name: halves, update: { rollback: { restore: [image] } } }
`);

  const { status, stderr } = await lab.cli(['plan', ...words]);

  expect(status).not.toBe(0);
  expect(stderr).toContain(`${words[1]} cannot go back with its ${half} and without its ${missing}`);
});

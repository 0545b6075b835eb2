/** The gate of an update on a real engine: each way in which a new version may be bad although its container runs. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type ComposeLab, canRunCompose, needsCompose, shopFile, startComposeLab } from '#test/support/compose-lab.ts';

const PORT = 18_099;

/** An answer comes from a program of the image, which takes as long as the version makes it take. */
const serve = (seconds: number) =>
  [
    'busybox mkdir -p /www/cgi-bin',
    `printf '#!/bin/sh\\nsleep ${seconds}\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nok"\\n' > /www/cgi-bin/ask`,
    'busybox chmod 755 /www/cgi-bin/ask',
    `busybox httpd -p 127.0.0.1:${PORT} -h /www`,
  ].join('; ');

let it: ComposeLab;

beforeAll(async () => {
  if (!canRunCompose()) return;
  const probes = [
    `{ type: http, url: "http://127.0.0.1:${PORT}/cgi-bin/ask", conditions: ["[STATUS] == 200", "[RESPONSE_TIME] < 1s"] }`,
    '{ type: log, container: shop, socket: SOCKET, must_not: ["^FATAL"] }',
  ];
  const updates = '{ min_age: 0s, gate: { timeout: 4s, stable_for: 1500ms } }';
  it = await startComposeLab({ updates, shop: `validate: [${probes.join(', ')}]` }, vi.stubEnv);
  const file = (image: string) =>
    `version: "2.4"\n${shopFile(image, { web: 'network_mode: host' })}`
      .replace('    init:', '    container_name: shop\n    init:')
      // Its own health check would find none of this.
      .replace(/ {4}healthcheck: .*\n/, '');
  await it.open(file, { first: serve(0) });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await it?.[Symbol.asyncDispose]();
});
beforeEach(needsCompose);

const BAD = {
  slow: { tag: '1.1', wish: { first: serve(2) }, seen: /RESPONSE_TIME/ },
  loud: { tag: '1.2', wish: { first: `${serve(0)}; echo FATAL: no database` }, seen: /says: FATAL/ },
  // Whichever probe meets it first: that of the container, or that of the page.
  crashing: {
    tag: '1.3',
    wish: { command: ['sh', '-c', `${serve(0)}; sleep 1; exit 3`] },
    seen: /container|restart|GET/,
  },
};

test.each([
  ['answers too slowly', 'slow'],
  ['writes a line that it must not write', 'loud'],
  ['crashes again and again', 'crashing'],
] as const)('a version that %s is rolled back: image and data', async (_, how) => {
  const { tag, wish, seen } = BAD[how];
  const old = await it.runningImage();
  await it.release(tag, wish);

  const update = await it.run('update');

  expect(update).toMatchObject({ status: 'rolled_back' });
  const gate = update.steps.find(({ name }) => name === 'gate');
  expect(gate?.error).toMatch(seen);
  expect(await it.runningImage()).toBe(old);
  expect(await it.inWeb('cat', '/version', '/data/note')).toBe('1.0\nprecious');
});

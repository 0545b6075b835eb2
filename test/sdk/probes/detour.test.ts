/** Probes that are asked of a copy: they go where it is, with the words that they have for the one that lives. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { lookThrough, Probe } from '#sdk/probes.ts';
import { openTools } from '#test/support/probes.ts';

async function askCopy(probe: z.input<typeof Probe>, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using open = await openTools();
  try {
    const detour = (goal: { host: string; port: number }) =>
      goal.host === 'localhost' && goal.port === 8080 ? { host: '127.0.0.1', port } : undefined;
    const { results } = await lookThrough(open.tools, [Probe.parse(probe)], detour);
    return results[0];
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const redirect =
  (location: string): RequestListener =>
  ({ url }, response) => {
    if (url === '/login') response.end('welcome');
    else response.writeHead(302, { location }).end();
  };

test('the copy is told the name that the service has, and is judged by what it says', async () => {
  const asked: (string | undefined)[] = [];
  const answer: RequestListener = ({ headers }, response) => {
    asked.push(headers.host);
    response.end('fine');
  };

  const good = await askCopy({ type: 'http', url: 'http://localhost:8080/health', body_contains: 'fine' }, answer);
  const bad = await askCopy({ type: 'http', url: 'http://localhost:8080/', body_contains: 'other' }, answer);
  const tcp = await askCopy({ type: 'tcp', host: 'localhost', port: 8080 }, answer);

  expect([good?.ok, bad?.ok, tcp?.ok]).toEqual([true, false, true]);
  expect(asked).toEqual(['localhost:8080', 'localhost:8080']);
});

test('a redirection is followed within the copy, and not to the one that lives', async () => {
  const probe = { type: 'http' as const, url: 'http://localhost:8080/', body_contains: 'welcome' };

  expect(await askCopy(probe, redirect('/login'))).toMatchObject({ ok: true, detail: 'answered 200' });
  expect(await askCopy(probe, redirect('https://shop.lan/login'))).toMatchObject({
    ok: true,
    detail: 'answered 302, and led to what is not of the copy',
  });
});

test('what the copy does not have is not good', async () => {
  const probe = { type: 'http' as const, url: 'http://localhost:9090/' };

  expect(await askCopy(probe, (_, response) => response.end())).toMatchObject({
    ok: false,
    detail: 'the copy has nothing at localhost:9090',
  });
});

/** Probes, asked of real servers, real processes and real commands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { newId } from '#kernel/ids.ts';
import { Probe, runProbes } from '#sdk/probes.ts';
import { ask, openTools } from '#test/support/probes.ts';
import { eventually } from '#test/support/wait.ts';

async function serve(answer: RequestListener): Promise<AsyncDisposable & { url: string; server: Server }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}/healthz`, server, [Symbol.asyncDispose]: close };
}

describe('an http probe', () => {
  test('is good when status and text are right', async () => {
    await using site = await serve((_, answer) => answer.end('status: fine'));

    const result = await ask({ type: 'http', url: site.url, body_contains: 'fine' });

    expect(result).toMatchObject({ probe: `GET ${site.url}`, ok: true, detail: 'answered 200' });
  });

  test('tells the status that it got and the one that it needs', async () => {
    await using site = await serve((_, answer) => answer.writeHead(502).end());

    expect(await ask({ type: 'http', url: site.url })).toMatchObject({ ok: false, detail: 'answered 502, needs 200' });
  });

  test('tells that the text is not there', async () => {
    await using site = await serve((_, answer) => answer.end('broken'));

    const result = await ask({ type: 'http', url: site.url, body_contains: 'fine' });

    expect(result).toMatchObject({ ok: false, detail: 'answered 200, but without the text "fine"' });
  });

  test('follows a redirection, unless that is what it waits for', async () => {
    await using site = await serve((request, answer) => {
      if (request.url === '/healthz') answer.writeHead(302, { location: '/login' });
      answer.end();
    });

    expect(await ask({ type: 'http', url: site.url })).toMatchObject({ ok: true });
    expect(await ask({ type: 'http', url: site.url, status: 302 })).toMatchObject({ ok: true });
  });

  test('does not wait for an answer for ever', async () => {
    await using site = await serve(() => undefined);

    const result = await ask({ type: 'http', url: site.url, timeout: '100ms' });

    expect(result).toMatchObject({ ok: false, detail: 'no answer in time' });
  });

  test('says that nobody listens', async () => {
    const site = await serve(() => undefined);
    await site[Symbol.asyncDispose]();

    expect(await ask({ type: 'http', url: site.url })).toMatchObject({ ok: false, detail: 'connection refused' });
  });
});

describe('a tcp probe', () => {
  test('is good when something accepts connections, and not when nothing does', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const open = await ask({ type: 'tcp', host: '127.0.0.1', port });
    await new Promise((resolve) => server.close(resolve));
    const closed = await ask({ type: 'tcp', host: '127.0.0.1', port });

    expect(open).toMatchObject({ probe: `connect to 127.0.0.1:${port}`, ok: true });
    expect(closed).toMatchObject({ ok: false, detail: 'connection refused' });
  });
});

describe('a process probe', () => {
  test('finds a program by its name, by a part of its command line, and by its user', async () => {
    const marker = newId();
    const child = spawn('sh', ['-c', 'while :; do sleep 0.05; done', marker], { stdio: 'ignore' });
    await eventually('the process runs', async () => (await ask({ type: 'process', match: marker })).ok);

    const byName = await ask({ type: 'process', match: 'sh' });
    const bySomeoneElse = await ask({ type: 'process', match: marker, user: 'nobody' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const gone = await ask({ type: 'process', match: marker });

    expect(byName.ok).toBe(true);
    expect(bySomeoneElse).toMatchObject({ ok: false, detail: expect.stringContaining('another user') });
    expect(gone).toMatchObject({ ok: false, detail: 'no such process' });
  });

  test('never finds the one who asks', async () => {
    const result = await ask({ type: 'process', match: process.argv[0] ?? 'node' });

    expect(result.detail).not.toMatch(new RegExp(`\\b${process.pid}\\b`));
  });

  test('is not good for a user who does not exist', async () => {
    expect(await ask({ type: 'process', match: 'sh', user: 'no-such-user' })).toMatchObject({ ok: false });
  });
});

describe('a command probe', () => {
  test('is good when the command ends with status 0, and tells what a failing one said', async () => {
    const good = await ask({ type: 'command', command: ['true'] });
    const bad = await ask({ type: 'command', command: ['sh', '-c', 'echo no database >&2; exit 4'] });
    const missing = await ask({ type: 'command', command: ['no-such-tool'] });

    expect(good).toMatchObject({ probe: 'true', ok: true });
    expect(bad).toMatchObject({ ok: false, detail: 'sh failed with exit status 4: no database' });
    expect(missing).toMatchObject({ ok: false, detail: 'no-such-tool is not installed, or not in PATH' });
  });
});

describe('a list of probes', () => {
  test('is asked again until all are good', async () => {
    let asked = 0;
    await using site = await serve((_, answer) => answer.writeHead((asked += 1) < 3 ? 503 : 200).end());
    await using open = await openTools();

    const verdict = await runProbes(open.tools, [Probe.parse({ type: 'http', url: site.url })], {
      timeoutMs: 10_000,
      stableForMs: 0,
    });

    expect(verdict).toMatchObject({ healthy: true, summary: '1 probe is good' });
    expect(asked).toBe(3);
  });

  test('must stay good for as long as it is told: one bad answer and the time starts anew', async () => {
    const statuses = [200, 500];
    await using site = await serve((_, answer) => answer.writeHead(statuses.shift() ?? 200).end());
    await using open = await openTools();
    const started = performance.now();

    const { healthy } = await runProbes(open.tools, [Probe.parse({ type: 'http', url: site.url })], {
      timeoutMs: 10_000,
      stableForMs: 400,
    });

    expect(healthy).toBe(true);
    expect(statuses).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(500);
  });

  test('is given up when it does not turn good in time, and tells what was seen last', async () => {
    await using site = await serve((_, answer) => answer.writeHead(500).end());
    await using open = await openTools();

    const verdict = await runProbes(open.tools, [Probe.parse({ type: 'http', url: site.url })], {
      timeoutMs: 300,
      stableForMs: 0,
    });

    expect(verdict).toMatchObject({ healthy: false, summary: `GET ${site.url}: answered 500, needs 200` });
  });

  test('that is empty says that nothing was checked', async () => {
    await using open = await openTools();

    const { summary } = await runProbes(open.tools, [], { timeoutMs: 1_000, stableForMs: 1_000 });

    expect(summary).toBe('no probes are configured, so nothing was checked');
  });

  test('ends with the signal', async () => {
    await using open = await openTools({ signal: AbortSignal.timeout(200) });
    const probes = [Probe.parse({ type: 'command', command: ['false'] })];

    await expect(runProbes(open.tools, probes, { timeoutMs: 60_000, stableForMs: 0 })).rejects.toThrow('timeout');
  });
});

test.each([
  { type: 'http', url: 'ftp://x/' },
  { type: 'http', url: 'http://x/', conditions: ['[STATUS] = 200'] },
  { type: 'http', url: 'http://x/', timeout: 30 },
  { type: 'tcp', port: 70_000 },
  { type: 'command', command: 'curl x' },
  { type: 'command', command: [] },
  { type: 'icmp', host: 'x' },
  { type: 'http', url: 'http://me:secret@x/' },
  { type: 'http', url: 'http://x/', headers: { 'X-A': 'one\r\nX-B: two' } },
  { type: 'http', url: 'http://x/', ca: 'relative.pem' },
  { type: 'tcp', port: 1, external: { proxy: 'ftp://x:1' } },
  { type: 'tcp', port: 1, external: { proxy: 'socks5h://me:secret@x:1' } },
  { type: 'tcp', port: 1, external: { proxy: 'socks5h://x:1', username: 'me' } },
  { type: 'dns', name: 'x', resolver: 'ns.example.org' },
  { type: 'dns', name: 'x', record: 'ANY' },
  { type: 'ping', host: '-f' },
  { type: 'systemd', unit: '--all' },
  { type: 'container', name: '' },
  { type: 'log', file: '/x' },
  { type: 'log', must: ['x'] },
  { type: 'log', file: '/x', container: 'x', must: ['x'] },
  { type: 'log', file: '/x', must: ['(a)\\1'] },
])('a probe that is written wrongly is refused: %j', (probe) => {
  expect(Probe.safeParse(probe).success).toBe(false);
});

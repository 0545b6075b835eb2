/** Probes from outside: through a real SOCKS proxy (OpenSSH) and through an HTTP proxy. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startServer } from '#test/support/http.ts';
import { needs } from '#test/support/needs.ts';
import { ask, reference } from '#test/support/probes.ts';
import { freePort } from '#test/support/redis.ts';
import { startSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

/** `ssh -D`, as a homelab has it to a rented server. */
async function startSocks(): Promise<AsyncDisposable & { proxy: string }> {
  const sshd = await startSshd();
  const dir = await tempDir();
  const port = await freePort();
  await writeFile(join(dir.path, 'key'), sshd.privateKey, { mode: 0o600 });
  const checks = ['-o', 'StrictHostKeyChecking=no', '-o', `UserKnownHostsFile=${join(dir.path, 'known')}`];
  const words = ['-N', '-F', 'none', ...checks, '-i', join(dir.path, 'key'), '-p', String(sshd.port)];
  const client = spawn('ssh', [...words, '-D', `127.0.0.1:${port}`, `${sshd.username}@127.0.0.1`], { stdio: 'ignore' });
  await eventually('ssh forwards', async () => (await ask({ type: 'tcp', port })).ok);
  return {
    proxy: `socks5h://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      client.kill('SIGTERM');
      await once(client, 'exit');
      await sshd[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** An HTTP proxy that wants to know who asks. */
async function startProxy(pass: string): Promise<AsyncDisposable & { proxy: string; goals: string[] }> {
  const goals: string[] = [];
  const server = createServer().listen(0, '127.0.0.1');
  server.on('connect', (request, socket, head) => {
    if (request.headers['proxy-authorization'] !== `Basic ${Buffer.from(pass).toString('base64')}`) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n');
      return;
    }
    const goal = request.url ?? '';
    goals.push(goal);
    const far = connect(Number(goal.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    far.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    socket.on('error', () => far.destroy());
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    proxy: `http://127.0.0.1:${port}`,
    goals,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a probe from outside', () => {
  test('goes through a SOCKS proxy, which also finds the name', async (context) => {
    needs(context, 'sshd', 'ssh', 'ssh-keygen');
    await using outside = await startSocks();
    await using site = await startServer(() => ({ status: 200, body: 'fine' }));
    const { port } = new URL(site.url);
    const external = { proxy: outside.proxy };

    const http = await ask({ type: 'http', url: `http://localhost:${port}/`, external, body_contains: 'fine' });
    const tcp = await ask({ type: 'tcp', port: Number(port), external });
    const local = await ask({
      type: 'http',
      url: `http://localhost:${port}/`,
      external: { proxy: outside.proxy.replace('socks5h', 'socks5') },
    });
    const refused = await ask({ type: 'tcp', port: await freePort(), external });

    expect(http).toMatchObject({ probe: `GET http://localhost:${port}/ from outside`, ok: true });
    expect(tcp).toMatchObject({ ok: true, detail: 'connected' });
    expect(local).toMatchObject({ ok: true });
    expect(refused.detail).toMatch(/^the way outside socks5h:\S+ does not lead to 127\.0\.0\.1:\d+: /);
  });

  test('goes through an HTTP proxy, with a name and a password', async () => {
    await using outside = await startProxy('me:hunter2');
    await using site = await startServer(() => ({ status: 200 }));
    const external = { proxy: outside.proxy, username: 'me', password: reference('p') };

    const good = await ask({ type: 'http', url: site.url, external }, { secrets: { p: 'hunter2' } });
    const bad = await ask({ type: 'http', url: site.url, external }, { secrets: { p: 'wrong' } });

    expect(good).toMatchObject({ ok: true });
    expect(outside.goals).toEqual([new URL(site.url).host]);
    expect(bad.detail).toMatch(/does not lead to 127\.0\.0\.1:\d+: the proxy answered 407$/);
  });

  test('tells a proxy that is away from a service that is', async () => {
    await using site = await startServer(() => ({ status: 200 }));
    const external = { proxy: `http://127.0.0.1:${await freePort()}` };

    const seen = await ask({ type: 'http', url: site.url, external, conditions: ['[CONNECTED] == false'] });

    expect(seen).toMatchObject({
      ok: false,
      detail: `the way outside ${external.proxy} is closed: connection refused`,
    });
  });

  test('does not wait for a proxy for ever', async () => {
    await using silent = await startSilence();
    const external = { proxy: `socks5h://127.0.0.1:${silent.port}` };

    expect(await ask({ type: 'tcp', port: 1, external, timeout: '200ms' })).toMatchObject({
      ok: false,
      detail: 'no connection in time',
    });
  });
});

/** Accepts connections and says nothing. */
async function startSilence(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer();
  server.removeAllListeners('connection').listen(0, '127.0.0.1');
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

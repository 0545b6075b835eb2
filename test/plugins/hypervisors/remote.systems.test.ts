/** Hypervisors of other machines: through SSH to a pinned machine, or with certificates on both sides, and to no other. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPlugin } from '#host/harness.ts';
import type { JsonObject } from '#kernel/json.ts';
import { plugin as docker } from '#plugins/hypervisors/docker/index.ts';
import { plugin as libvirt } from '#plugins/hypervisors/libvirt/index.ts';
import type { Plugin } from '#sdk/contract.ts';
import type { SecretRef } from '#sdk/secret.ts';
import { makeSelfSigned } from '#test/support/certificates.ts';
import { canRunDocker, IMAGE, needsDocker, startDocker, type TestEngine } from '#test/support/docker.ts';
import {
  canRunLibvirt,
  LIBVIRT_PATIENCE_MS,
  needsLibvirt,
  startLibvirt,
  type TestLibvirt,
} from '#test/support/libvirt.ts';
import { needs } from '#test/support/needs.ts';
import { startSshd, type TestSshd } from '#test/support/sshd.ts';
import { tempDir } from '#test/support/tmp.ts';

const PATIENCE_MS = 300_000;

/** A secret that is the text of its own path, or of the file there. */
const textAt = (text: string): JsonObject => ({ $secret: { path: text, source: { from: 'configuration' } } });

async function act(plugin: Plugin, config: JsonObject, action: string, input: JsonObject = {}): Promise<JsonObject> {
  const secret = async ({ $secret }: SecretRef) => $secret.path;
  await using harness = await openPlugin(plugin, [], secret);
  return await harness.run(action, config, input);
}

function sshOf({ port, username, hostKey, privateKey }: TestSshd, more: JsonObject = {}): JsonObject {
  return {
    ssh: { host: '127.0.0.1', port, username, host_key: hostKey, private_key: textAt(privateKey), ...more },
  };
}

describe('an engine of another machine', () => {
  let engine: TestEngine;

  beforeAll(async () => {
    if (!canRunDocker()) return;
    engine = await startDocker();
    await engine.docker('create', '--name', 'notes', '-v', 'notes_data:/data', IMAGE, 'true');
  }, PATIENCE_MS);
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
  });

  test('is reached through SSH, where it snapshots a container and brings it back', async (context) => {
    needsDocker(context);
    needs(context, 'sshd', 'ssh-keygen');
    await using sshd = await startSshd(`SetEnv DOCKER_HOST=unix://${engine.socket}\n`);
    const config = sshOf(sshd);
    const at = { guest: 'notes', label: 'autopilot-b7k2', run: 'r1' };

    expect(await act(docker, config, 'listGuests')).toMatchObject({ guests: [{ id: 'notes' }] });
    expect(await act(docker, config, 'snapshot', at)).toMatchObject({ snapshot: { complete: true } });
    await act(docker, config, 'restoreSnapshot', { ...at, state: 'stopped' });
    expect(await act(docker, config, 'deleteSnapshot', at)).toEqual({ removed: true });
  });

  test('with another host key than the pinned one is sent nothing', async (context) => {
    needsDocker(context);
    needs(context, 'sshd', 'ssh-keygen');
    await using sshd = await startSshd(`SetEnv DOCKER_HOST=unix://${engine.socket}\n`);
    const config = sshOf(sshd);
    await sshd.changeHostKey();

    const asked = act(docker, config, 'inspect');

    await expect(asked).rejects.toMatchObject({
      code: 'HA_REMOTE_REFUSED',
      message: expect.stringContaining('SHA256:'),
    });
    expect(await sshd.log()).not.toContain('Accepted publickey');
  });

  test('is reached over TLS with a certificate on both sides, and not without', async (context) => {
    needsDocker(context);
    needs(context, 'openssl');
    await using dir = await tempDir();
    const files = await makeSelfSigned(dir.path);
    const [pem, key] = await Promise.all([files.certificate, files.key].map((file) => readFile(file, 'utf8')));
    if (pem === undefined || key === undefined) throw new Error('both files are there');
    const server = createServer({ cert: pem, key, ca: pem, requestCert: true }, (socket) => {
      const there = connect(engine.socket);
      socket.pipe(there).pipe(socket);
      for (const end of [socket, there]) end.on('error', () => end.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const tls = { host: '127.0.0.1', port, ca: textAt(pem), cert: textAt(pem), key: textAt(key) };
    await using otherDir = await tempDir();
    const other = await readFile((await makeSelfSigned(otherDir.path)).certificate, 'utf8');

    expect(await act(docker, { tls }, 'listGuests')).toMatchObject({ guests: [{ id: 'notes' }] });
    const stranger = act(docker, { tls: { ...tls, ca: textAt(other) } }, 'listGuests');
    await expect(stranger).rejects.toMatchObject({ code: 'HA_REMOTE_UNREACHABLE' });

    server.close();
    await once(server, 'close');
  });
});

describe('a libvirt of another machine', () => {
  let virtual: TestLibvirt;

  beforeAll(async () => {
    if (canRunLibvirt()) virtual = await startLibvirt();
  }, LIBVIRT_PATIENCE_MS);
  afterAll(async () => {
    await virtual?.[Symbol.asyncDispose]();
  });

  test('is reached through SSH, where it snapshots a machine and brings it back', async (context) => {
    needsLibvirt(context);
    needs(context, 'sshd', 'ssh-keygen', 'ssh');
    await using sshd = await startSshd();
    const guest = await virtual.guest();
    const at = { guest: guest.name, label: 'autopilot-b7k2', run: 'r1' };

    await act(libvirt, sshOf(sshd), 'snapshot', at);
    await guest.write('after');
    await act(libvirt, sshOf(sshd), 'restoreSnapshot', at);

    await expect.poll(() => guest.read().catch(() => ''), { timeout: 60_000 }).toBe('first');
  });

  test('with another host key than the pinned one is sent nothing', async (context) => {
    needsLibvirt(context);
    needs(context, 'sshd', 'ssh-keygen', 'ssh');
    await using sshd = await startSshd();
    const config = sshOf(sshd);
    await sshd.changeHostKey();

    const asked = act(libvirt, config, 'inspect');

    await expect(asked).rejects.toThrow(/host key/i);
    await expect(asked).rejects.toMatchObject({ code: 'HA_REMOTE_REFUSED' });
    expect(await sshd.log()).not.toContain('Accepted publickey');
  });

  test.each(['-oProxyCommand=touch x', 'a b', 'host?command=x', 'host/system'])('is not called %j', async (host) => {
    const config = { ssh: { host, username: 'root', host_key: 'ssh-ed25519 AAAA', private_key: textAt('x') } };

    await expect(act(libvirt, config, 'inspect')).rejects.toMatchObject({ code: 'HA_CONFIG_INVALID' });
  });
});

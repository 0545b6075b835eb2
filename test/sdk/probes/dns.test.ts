/** The dns probe, asked of a name server on loopback. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { ask } from '#test/support/probes.ts';

const NXDOMAIN = 3;
const SERVFAIL = 2;

const ZONE: Answer[] = [
  { type: 'A', name: 'web.lan', data: '192.168.1.5' },
  { type: 'A', name: 'web.lan', data: '192.168.1.6' },
  { type: 'AAAA', name: 'web.lan', data: 'fd00::5' },
  { type: 'CNAME', name: 'www.lan', data: 'Web.lan' },
  { type: 'MX', name: 'lan', data: { preference: 10, exchange: 'mail.lan' } },
  { type: 'TXT', name: 'lan', data: ['v=spf1 ', '-all'] },
  { type: 'SRV', name: '_x._tcp.lan', data: { priority: 1, weight: 2, port: 5060, target: 'sip.lan' } },
];

async function startNameServer(): Promise<AsyncDisposable & { resolver: string }> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  socket.on('message', (message, from) => {
    const { id, questions } = decode(message);
    const [question] = questions ?? [];
    if (question === undefined || question.name === 'silent.lan') return;
    const here = ZONE.filter(({ name }) => name === question.name);
    const code = question.name === 'broken.lan' ? SERVFAIL : here.length === 0 ? NXDOMAIN : 0;
    const answers = here.filter(({ type }) => type === question.type);
    const flags = AUTHORITATIVE_ANSWER | code;
    socket.send(
      encode({ type: 'response', ...(id === undefined ? {} : { id }), flags, questions: [question], answers }),
      from.port,
      from.address,
    );
  });
  await once(socket, 'listening');
  return {
    resolver: `127.0.0.1:${socket.address().port}`,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

describe('a dns probe', () => {
  test.each([
    ['A', 'web.lan', ['192.168.1.6']],
    ['AAAA', 'web.lan', ['fd00::5']],
    ['CNAME', 'www.lan', ['web.lan.']],
    ['MX', 'lan', ['10 mail.lan']],
    ['TXT', 'lan', ['v=spf1 -all']],
    ['SRV', '_x._tcp.lan', ['1 2 5060 sip.lan']],
  ] as const)('is good when the %s record of %s is %j', async (record, name, expected) => {
    await using server = await startNameServer();

    const seen = await ask({ type: 'dns', name, record, resolver: server.resolver, expect: [...expected] });

    expect(seen).toMatchObject({ probe: `${record} of ${name} from ${server.resolver}`, ok: true });
  });

  test('tells what was answered, and what is missing', async () => {
    await using server = await startNameServer();

    const seen = await ask({ type: 'dns', name: 'web.lan', resolver: server.resolver, expect: ['10.0.0.1'] });

    expect(seen.ok).toBe(false);
    expect(seen.detail).toMatch(/^answered 192\.168\.1\.\d, 192\.168\.1\.\d; needs 10\.0\.0\.1$/);
  });

  test.each([
    ['nobody.lan', 'there is no such name'],
    ['lan', 'the name has no A record'],
    ['broken.lan', 'the name server failed (SERVFAIL)'],
    ['silent.lan', 'no answer in time'],
  ])('for %s says: %s', async (name, detail) => {
    await using server = await startNameServer();

    const seen = await ask({ type: 'dns', name, resolver: server.resolver, timeout: '700ms' });

    expect(seen).toMatchObject({ ok: false, detail });
  });

  test('says that no name server is there', async () => {
    const server = await startNameServer();
    await server[Symbol.asyncDispose]();

    const seen = await ask({ type: 'dns', name: 'web.lan', resolver: server.resolver, timeout: '3s' });

    expect(seen).toMatchObject({ ok: false, detail: 'no name server answers there' });
  });
});

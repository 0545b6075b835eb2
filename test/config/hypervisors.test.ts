/** The `hypervisors:` section and `guest:` of a service: what they compile to, and what is wrong in them, with its place. */
import { describe, expect, test } from 'vitest';
import { checked, SOUND } from '#test/config/fixture.ts';

const HYPERVISORS = `hypervisors:
  pve: { type: kvm, url: "https://pve.lan", token_file: token, hosts: [docker-1, nas, nas] }
  here: { type: kvm, url: x }
`;

const withGuest = (guest: string) => `${SOUND}    guest: ${guest}\n${HYPERVISORS}`;

async function errorsOf(text: string) {
  const { errors } = await checked(text);
  return errors.map(({ line, column, path, message, suggestion }) => ({ line, column, path, message, suggestion }));
}

const first = SOUND.split('\n').length;

describe('what it compiles to', () => {
  test('instances with the hosts that reach them, and secrets as references', async () => {
    const { config, directory } = await checked(withGuest('{ hypervisor: pve, id: 104 }'));

    const source = { from: 'file', file: `${directory}/token` };
    expect(config?.hypervisors).toEqual([
      {
        name: 'pve',
        type: 'kvm',
        config: {
          url: 'https://pve.lan',
          token: { $secret: { path: 'hypervisors.pve.token', source } },
          graceful: true,
        },
        hosts: ['docker-1', 'nas'],
      },
      { name: 'here', type: 'kvm', config: { url: 'x', graceful: true }, hosts: ['nas'] },
    ]);
    expect(config?.services[0]?.guest).toEqual({ hypervisor: 'pve', id: '104' });
  });

  test('a service that names no guest has none', async () => {
    const { config } = await checked(SOUND);

    expect(config?.services[0]?.guest).toBeNull();
    expect(config?.hypervisors).toEqual([]);
  });

  test('what is shown has the hosts filled in, and no secret', async () => {
    const { effective } = await checked(withGuest('{ hypervisor: here, id: win 11 }'));

    expect(effective).toMatchObject({
      hypervisors: { pve: { hosts: ['docker-1', 'nas'] }, here: { type: 'kvm', graceful: true, hosts: ['nas'] } },
      services: [{ guest: { hypervisor: 'here', id: 'win 11' } }],
    });
    expect(JSON.stringify(effective)).not.toContain('$secret');
  });
});

describe('a fault is told once, with its place', () => {
  test('a hypervisor that nobody configured, with the nearest name', async () => {
    expect(await errorsOf(withGuest('{ hypervisor: pvee, id: 104 }'))).toEqual([
      {
        line: first,
        column: 26,
        path: 'services[0].guest.hypervisor',
        message: 'unknown hypervisor "pvee" (known: pve, here); add it under "hypervisors:"',
        suggestion: 'pve',
      },
    ]);
  });

  test('a host that nobody configured', async () => {
    const text = `${SOUND}hypervisors:\n  pve: { type: kvm, url: x, hosts: [nas, docker-2] }\n`;

    expect(await errorsOf(text)).toEqual([
      {
        line: first + 1,
        column: 42,
        path: 'hypervisors.pve.hosts[1]',
        message: 'unknown host "docker-2" (known: nas, docker-1); add it under "hosts:"',
        suggestion: 'docker-1',
      },
    ]);
  });

  test('a type that is no plugin; a guest that names it is not called wrong as well', async () => {
    const text = `${SOUND}    guest: { hypervisor: pve, id: 104 }\nhypervisors:\n  pve: { type: kvmm, url: x }\n`;

    expect(await errorsOf(text)).toMatchObject([
      { path: 'hypervisors.pve.type', message: 'unknown hypervisor type "kvmm" (known: kvm)', suggestion: 'kvm' },
    ]);
  });

  test.each(['"--all"', '"-oProxyCommand=x"', '../x', 'a/b', '"a\\nb"', '""', '-1', '1.5'])(
    'a guest %s',
    async (id) => {
      const errors = await errorsOf(withGuest(`{ hypervisor: pve, id: ${id} }`));

      expect(errors).toMatchObject([
        { path: 'services[0].guest.id', message: expect.stringMatching(/guest|at least 0/) },
      ]);
    },
  );

  test('an unknown key of a guest', async () => {
    expect(await errorsOf(withGuest('{ hypervisor: pve, id: 1, snapshots: true }'))).toMatchObject([
      { path: 'services[0].guest.snapshots', message: 'unknown key "snapshots"' },
    ]);
  });
});

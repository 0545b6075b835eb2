/** What a stand-in for Unraid answers to each field that the plugin uses: rights first, then the world. */
import type { UnraidState } from '#test/support/unraid/server.ts';
import type { GuestType, World } from '#test/support/unraid/worlds.ts';

/** A key that is not accepted, or may not. */
export class TokenTrouble extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Asking {
  fake: UnraidState;
  world: World;
  /** Whether the key is one of the server's. */
  known: boolean;
  isMutation: boolean;
  /** One disk cannot be told of. */
  hole: boolean;
}

const PREFIX = 'tower:';

export function rootsOf(asking: Asking): object {
  return asking.isMutation ? mutations(asking) : queries(asking);
}

function need({ fake, known }: Asking, right: string): void {
  if (!known) throw new TokenTrouble('UNAUTHENTICATED', 'API key validation failed');
  const [, action] = right.split(':');
  const byRole = fake.roles.includes('ADMIN') || (fake.roles.includes('VIEWER') && action === 'READ_ANY');
  if (!byRole && !fake.rights.has(right)) throw new TokenTrouble('FORBIDDEN', 'Forbidden resource');
}

function queries(asking: Asking): object {
  const { fake, world } = asking;
  return {
    docker: () => {
      need(asking, 'DOCKER:READ_ANY');
      return { containers: async () => (await world.list('container')).map(containerOf) };
    },
    vms: () => {
      need(asking, 'VMS:READ_ANY');
      return { domains: async () => (await world.list('vm')).map((row) => ({ ...row, id: `${PREFIX}${row.id}` })) };
    },
    array: () => {
      need(asking, 'ARRAY:READ_ANY');
      return arrayOf(asking);
    },
    info: () => {
      need(asking, 'INFO:READ_ANY');
      return { versions: { core: { unraid: '7.2.3', api: '4.37.2' } } };
    },
    metrics: () => {
      need(asking, 'INFO:READ_ANY');
      return { memory: { total: 17_179_869_184, available: '8589934592' } };
    },
    me: () => {
      need(asking, 'ME:READ_ANY');
      const permissions = [...fake.rights].map((right) => {
        const [resource, action] = right.split(':');
        return { resource, actions: [action] };
      });
      return { roles: fake.roles, permissions };
    },
  };
}

function containerOf({ id, name, state, status }: { id: string; name: string; state: string; status: string }): object {
  return { id: `${PREFIX}${id}`, names: [name], state, status };
}

function arrayOf({ fake, hole }: Asking): object {
  const failing = () => {
    throw new Error('the disk does not answer');
  };
  return {
    state: fake.array,
    capacity: { kilobytes: { free: '1000', used: '3000', total: '4000' } },
    parities: [],
    disks: fake.disks.map((disk) => (hole ? { ...disk, numErrors: failing } : disk)),
    caches: [{ name: 'cache', status: 'DISK_OK', numErrors: 0, fsSize: '500', fsFree: 200 }],
  };
}

function mutations(asking: Asking): object {
  return { docker: () => actions(asking, 'container'), vm: () => actions(asking, 'vm') };
}

function actions(asking: Asking, type: GuestType): object {
  const right = type === 'vm' ? 'VMS:UPDATE_ANY' : 'DOCKER:UPDATE_ANY';
  const act =
    (how: string) =>
    async ({ id: given }: { id: string }) => {
      need(asking, right);
      const id = given.replace(PREFIX, '');
      await asking.world.act(type, how, id);
      if (type === 'vm') return true;
      const row = (await asking.world.list('container')).find((one) => one.id === id);
      return row === undefined ? undefined : containerOf(row);
    };
  return Object.fromEntries(['start', 'stop', 'unpause', 'resume', 'forceStop'].map((how) => [how, act(how)]));
}

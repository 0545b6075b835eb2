/** A copy of a Compose project reaches nothing of the one that lives: not its ports, names, data, labels or devices. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ComposeModel, isolate, type Surroundings, unpackedPlace } from '#plugins/services/docker-compose/isolate.ts';
import { resolvedBelow } from '#plugins/services/docker-compose/resolve.ts';
import { tempDir } from '#test/support/tmp.ts';

const ROOT = '/state/drill/root';
const VOLUMES = '/var/lib/docker/volumes';

const AROUND: Surroundings = {
  project: 'shop',
  root: ROOT,
  trees: ['/opt/shop', `${VOLUMES}/shop_files/_data`, `${VOLUMES}/common/_data`]
    .map((path) => ({ path, realPath: path }))
    .concat({ path: '/srv/media', realPath: '/mnt/disk/media' }),
  images: new Map([
    ['web', 'trial:0'],
    ['db', 'trial:1'],
    ['side', 'trial:2'],
  ]),
  resolved: new Map(),
};

function isolated(text: string) {
  const { model, mounted } = isolate(ComposeModel.parse(parse(text)), AROUND);
  const { services, ...rest } = model as { services: Record<string, Record<string, unknown>> } & Record<
    string,
    unknown
  >;
  return { services, rest, mounted };
}

test('what reaches for the host, for other containers, or for who watches labels, is left out', () => {
  const { services, rest } = isolated(`
services:
  web:
    image: web:1.0
    build: .
    command: [serve]
    environment: { A: "1" }
    restart: always
    ports: ["80:80"]
    container_name: the-web
    labels: { traefik.enable: "true" }
    privileged: true
    pid: host
    ipc: host
    network_mode: host
    devices: [/dev/sda]
    cap_add: [SYS_ADMIN, NET_ADMIN]
    external_links: [other]
    volumes_from: ["container:other"]
    logging: { driver: syslog }
    extra_hosts: ["host.docker.internal:host-gateway"]
    security_opt: ["apparmor:unconfined"]
`);

  expect(services['web']).toEqual({
    image: 'trial:0',
    command: ['serve'],
    environment: { A: '1' },
    restart: 'always',
    cap_add: ['NET_ADMIN'],
    networks: { default: { aliases: ['the-web'] } },
  });
  expect(rest['networks']).toEqual({ default: { internal: true } });
});

test('every mount is of what was unpacked, in both ways in which Compose writes them', () => {
  const { services, mounted, rest } = isolated(`
services:
  web:
    image: web
    volumes:
      - "${ROOT}/opt/shop/data:/data:rw"
      - "files:/files"
      - "common:/common:ro"
      - "cache:/cache"
      - "/srv/media/films:/films"
      - "/anonymous"
      - "/etc/localtime:/etc/localtime"
      - { type: bind, source: /var/run/docker.sock, target: /var/run/docker.sock, bind: { create_host_path: true } }
      - { type: volume, source: files, target: /again, volume: { nocopy: true } }
      - { type: volume, source: scratch, target: /scratch }
      - { type: tmpfs, target: /tmp }
volumes:
  files: { name: shop_files }
  common: { external: true }
  cache: { driver_opts: { type: nfs, device: "nas:/cache" } }
  scratch: { driver_opts: { type: tmpfs, device: tmpfs } }
`);

  const files = `${ROOT}${VOLUMES}/shop_files/_data`;
  expect(services['web']?.['volumes']).toEqual([
    `${ROOT}/opt/shop/data:/data`,
    `${files}:/files`,
    `${ROOT}${VOLUMES}/common/_data:/common:ro`,
    'cache:/cache',
    `${ROOT}/mnt/disk/media/films:/films`,
    '/anonymous',
    '/etc/localtime:/etc/localtime:ro',
    { type: 'bind', source: `${ROOT}/var/run/docker.sock`, target: '/var/run/docker.sock' },
    { type: 'bind', source: files, target: '/again' },
    { type: 'volume', source: 'scratch', target: '/scratch' },
    { type: 'tmpfs', target: '/tmp' },
  ]);
  expect(rest['volumes']).toEqual({ cache: {}, scratch: { driver_opts: { type: 'tmpfs', device: 'tmpfs' } } });
  expect(mounted).toContain(`${ROOT}/var/run/docker.sock`);
});

test('services find each other by the names that they had, and those that did not run are not there', () => {
  const { services } = isolated(`
services:
  web: { image: web, depends_on: { db: { condition: service_healthy }, idle: { condition: service_started } }, links: ["db:database"] }
  db: { image: db, networks: { back: { aliases: [sql], ipv4_address: 10.0.0.9 } } }
  side: { image: side, network_mode: "service:web", depends_on: [web, idle] }
  idle: { image: idle }
`);

  expect(services).toEqual({
    web: { image: 'trial:0', networks: { default: {} }, depends_on: { db: { condition: 'service_healthy' } } },
    db: { image: 'trial:1', networks: { default: { aliases: ['database', 'sql'] } } },
    side: { image: 'trial:2', network_mode: 'service:web', depends_on: ['web'] },
  });
});

test('secrets in files are those that were unpacked', () => {
  const { rest, services } = isolated(`
services: { web: { image: web, secrets: [{ source: key }] } }
secrets: { key: { file: /opt/shop/key } }
`);

  expect(rest['secrets']).toEqual({ key: { file: `${ROOT}/opt/shop/key` } });
  expect(services['web']).toMatchObject({ secrets: [{ source: 'key' }] });
});

test('a symlink in what was unpacked leads to what was unpacked, and never out of it', async () => {
  await using dir = await tempDir();
  const root = join(dir.path, 'root');
  const trees = [
    { path: '/opt/shop', realPath: '/opt/shop' },
    { path: '/srv/media', realPath: '/mnt/disk/media' },
  ];
  await mkdir(join(root, 'opt/shop'), { recursive: true });
  await mkdir(join(root, 'mnt/disk/media/films'), { recursive: true });
  await symlink('/srv/media', join(root, 'opt/shop/media'));
  await symlink('../../../../../../../../../../etc', join(root, 'opt/shop/out'));
  await symlink('/opt/shop/turn', join(root, 'opt/shop/turn'));
  await writeFile(join(root, 'opt/shop/file'), '');
  const resolve = async (path: string) => resolvedBelow({ root, trees }, unpackedPlace({ root, trees }, path));

  expect(await resolve('/opt/shop/media/films')).toBe(join(root, 'mnt/disk/media/films'));
  expect(await resolve('/opt/shop/out/passwd')).toBe(join(root, 'etc/passwd'));
  expect(await resolve('/opt/shop/file')).toBe(join(root, 'opt/shop/file'));
  expect(await resolve('/nowhere/at/all')).toBe(join(root, 'nowhere/at/all'));
  await expect(resolve('/opt/shop/turn')).rejects.toMatchObject({ code: 'HA_CHECK_FAILED' });
});

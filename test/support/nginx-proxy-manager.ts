/** A stand-in for Nginx Proxy Manager: its API as published, a real SQLite file and certificates behind links, in versions whose data older ones refuse. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { IMAGE, type TestEngine } from '#test/support/docker.ts';
import { freePort } from '#test/support/redis.ts';

const run = promisify(execFile);

export interface StandInVersion {
  minor: number;
  /** Of its database. One that meets a newer one refuses to start. */
  schema: number;
  /** It loses its hosts when it starts. */
  loses?: boolean;
}

export const ACCOUNT = { email: 'keeper@example.org', password: 'open-sesame' };

export interface ManagerPlace {
  path: string;
  admin: number;
  http: number;
}

/** The command of its images. The program needs a Node, which its containers get from this machine. */
const COMMAND = ['/node', '/app/server.mjs'];

/** The files of one version's image, as a tar. */
async function imageOf(engine: TestEngine, dir: string, version: StandInVersion): Promise<Buffer> {
  const folder = join(dir, `image-${version.minor}`);
  await mkdir(join(folder, 'app'), { recursive: true });
  await writeFile(join(folder, 'app/version.json'), JSON.stringify(version));
  await writeFile(join(folder, 'app/server.mjs'), SERVER);
  const id = await engine.docker('create', IMAGE, 'true');
  await engine.docker('export', '-o', join(folder, 'base.tar'), id);
  await engine.docker('rm', id);
  await run('tar', ['-rf', join(folder, 'base.tar'), '-C', folder, 'app']);
  const tar = await readFile(join(folder, 'base.tar'));
  await rm(folder, { recursive: true });
  return tar;
}

export async function importVersion(
  engine: TestEngine,
  dir: string,
  name: string,
  version: StandInVersion,
): Promise<void> {
  const file = join(dir, 'import.tar');
  await writeFile(file, await imageOf(engine, dir, version));
  await engine.docker('import', '--change', `CMD ${JSON.stringify(COMMAND)}`, file, name);
  await rm(file);
}

export async function makePlace(dir: string): Promise<ManagerPlace> {
  const path = join(dir, 'manager');
  await mkdir(path, { recursive: true });
  return { path, admin: await freePort(), http: await freePort() };
}

/** One container in the network of the machine, with `/data` in the project's directory and the certificates in a volume. */
export function composeFile({ admin, http }: ManagerPlace, image: string): string {
  return `services:
  app:
    image: "${image}"
    network_mode: host
    init: true
    stop_grace_period: 1s
    environment: { ADMIN: "${admin}", HTTP: "${http}" }
    volumes:
      - ./data:/data
      - letsencrypt:/etc/letsencrypt
      - ${process.execPath}:/node:ro
      - /lib:/lib:ro
      - /lib64:/lib64:ro
volumes: { letsencrypt: }
`;
}

const SERVER = `
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';

const { minor, schema, loses } = JSON.parse(readFileSync('/app/version.json', 'utf8'));
const db = new DatabaseSync('/data/database.sqlite');
db.exec('create table if not exists migration (version int); create table if not exists proxy_host (id integer primary key, domain text)');
const there = db.prepare('select max(version) as version from migration').get().version ?? 0;
if (there > schema) {
  console.error('the database is of a newer version: ' + there);
  process.exit(1);
}
if (there === 0) {
  const add = db.prepare('insert into proxy_host (domain) values (?)');
  for (const domain of ['photos.example.org', 'notes.example.org']) add.run(domain);
}
if (there < schema) db.prepare('insert into migration values (?)').run(schema);
if (loses) db.exec('delete from proxy_host');
if (!existsSync('/data/keys.json')) {
  writeFileSync('/data/keys.json', JSON.stringify({ key: 'private ' + Math.random() }), { mode: 0o600 });
  mkdirSync('/etc/letsencrypt/archive/npm-1', { recursive: true });
  mkdirSync('/etc/letsencrypt/live/npm-1', { recursive: true });
  writeFileSync('/etc/letsencrypt/archive/npm-1/cert1.pem', 'certificate');
  symlinkSync('../../archive/npm-1/cert1.pem', '/etc/letsencrypt/live/npm-1/cert.pem');
}

const owned = { created_on: '2025-10-28T01:10:26.000Z', modified_on: '2025-10-28T04:07:16.000Z', owner_user_id: 1 };
const domains = () => db.prepare('select id, domain from proxy_host order by id').all();
const proxyHost = ({ id, domain }) => ({
  id, ...owned, domain_names: [domain], forward_host: '127.0.0.1', forward_port: 8081, access_list_id: 0,
  certificate_id: 1, ssl_forced: false, caching_enabled: false, block_exploits: false, advanced_config: '',
  meta: { nginx_online: true, nginx_err: null }, allow_websocket_upgrade: false, http2_support: false,
  forward_scheme: 'http', enabled: true, locations: [], hsts_enabled: false, hsts_subdomains: false,
  trust_forwarded_proto: false,
});
const certificate = {
  id: 1, ...owned, provider: 'letsencrypt', nice_name: 'photos.example.org', domain_names: ['photos.example.org'],
  expires_on: '2027-01-07T04:34:18.000Z', meta: { dns_challenge: false },
};
const LISTS = {
  '/api/nginx/proxy-hosts': () => domains().map(proxyHost),
  '/api/nginx/redirection-hosts': () => [],
  '/api/nginx/dead-hosts': () => [],
  '/api/nginx/streams': () => [],
  '/api/nginx/certificates': () => [certificate],
};
const refuse = (code, message) => [code, { error: { code, message } }];

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

function answer({ method, url, headers }, body) {
  if (url === '/api/') return [200, { status: 'OK', setup: true, version: { major: 2, minor, revision: 0 } }];
  if (url === '/api/tokens' && method === 'POST') {
    const { identity, secret } = JSON.parse(body);
    if (identity === 'second@example.org') return [200, { requires_2fa: true, challenge_token: 'challenge' }];
    if (identity !== '${ACCOUNT.email}' || secret !== '${ACCOUNT.password}') return refuse(401, 'Invalid email or password');
    return [200, { token: 'token', expires: '2027-01-01T00:00:00.000Z' }];
  }
  const list = LISTS[url];
  if (list === undefined) return refuse(404, 'Not Found');
  return headers.authorization === 'Bearer token' ? [200, list()] : refuse(401, 'Permission Denied');
}

createServer(async (request, response) => {
  const [status, body] = answer(request, await bodyOf(request));
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}).listen(Number(process.env.ADMIN), '127.0.0.1');
createServer((request, response) => {
  const known = domains().some(({ domain }) => domain === request.headers.host);
  response.writeHead(known ? 200 : 502).end();
}).listen(Number(process.env.HTTP), '127.0.0.1');
`;

/** A real registry on loopback for one test file, and images made of a few bytes to put into it; gone at the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'vitest';
import type { Certificates } from '#test/support/certificates.ts';
import { needs } from '#test/support/needs.ts';
import { freePort } from '#test/support/redis.ts';
import type { Call, Pushed, TestImage } from '#test/support/registry-images.ts';
import { moveTag, pushImage } from '#test/support/registry-images.ts';
import { tempDir } from '#test/support/tmp.ts';
import { eventually } from '#test/support/wait.ts';

const SERVER = 'docker-registry';

/** The one user of a registry that was started with `password: true`. */
export const REGISTRY_USER = { username: 'keeper', password: 'open-sesame' };
const HTPASSWD = 'keeper:$2b$04$4gmTa2cejalCh82oqnAyIO0MrQPGXGvKHXu59x3QUqs5qwtUt/j5u\n';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as it is written before the name of an image. */
  host: string;
  url: string;
  /** Pushes an image under one or more tags: `push('shop/web:1.0', { content: 'one' })`. */
  push(name: string, image?: TestImage): Promise<Pushed>;
  /** Makes a tag point to what another tag (or a digest) points to: `move('shop/web', 'latest', '2.0')`. */
  move(repository: string, tag: string, to: string): Promise<string>;
  /** One raw request; `path` begins with /v2/. */
  call: Call;
  /** Stops the server and leaves what it has, as an outage does. */
  pause(): Promise<void>;
  /** Starts it again, on the same port. */
  resume(): Promise<void>;
  /** The lines of its access log: `GET /v2/shop/web/manifests/1.0`. */
  asked(): Promise<string[]>;
}

export interface RegistryOptions {
  /** Serves https with it. */
  certificates?: Certificates;
  /** Asks for the password of `REGISTRY_USER`. */
  password?: boolean;
}

/** First line of a `beforeEach`. */
export function needsRegistry(context: Pick<TestContext, 'skip'>): void {
  needs(context, SERVER);
}

export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const directory = await tempDir();
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(directory.path, 'config.yml');
  const logFile = join(directory.path, 'log');
  await writeFile(join(directory.path, 'htpasswd'), HTPASSWD);
  await writeFile(config, configuration(host, directory.path, options));
  const call = await caller(port, options);
  const run = () =>
    serve({ config, logFile, directory: directory.path, answers: async () => (await call('GET', '/v2/')).status });
  let server: Server | undefined = await run();
  const stop = async () => {
    await server?.stop();
    server = undefined;
  };
  return {
    host,
    url: `${options.certificates === undefined ? 'http' : 'https'}://${host}`,
    push: (name, image = {}) => pushImage(call, name, image),
    move: (repository, tag, to) => moveTag(call, repository, { tag, to }),
    call,
    pause: stop,
    async resume() {
      server ??= await run();
    },
    asked: async () => requestsIn(await readFile(logFile, 'utf8')),
    async [Symbol.asyncDispose]() {
      await stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

interface Server {
  stop(): Promise<void>;
}

async function serve({
  config,
  logFile,
  directory,
  answers,
}: {
  config: string;
  logFile: string;
  directory: string;
  answers(): Promise<number>;
}): Promise<Server> {
  const log = await open(logFile, 'a');
  const server = spawn(SERVER, ['serve', config], { cwd: directory, stdio: ['ignore', log.fd, log.fd] });
  await once(server, 'spawn');
  await log.close();
  const ended = once(server, 'exit');
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null) server.kill('SIGKILL');
    await ended;
  };
  try {
    await eventually(`${SERVER} answers`, async () => await answers().then(Boolean, () => false));
  } catch (error) {
    await stop();
    throw new Error(`${SERVER} did not start: ${(await readFile(logFile, 'utf8')).slice(-2000)}`, { cause: error });
  }
  return { stop };
}

function configuration(host: string, directory: string, { certificates, password }: RegistryOptions): string {
  const http = {
    addr: host,
    secret: 'test',
    ...(certificates === undefined ? {} : { tls: { certificate: certificates.certificate, key: certificates.key } }),
  };
  const auth = password === true ? { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } } : {};
  // The registry reads YAML, and JSON is YAML.
  return JSON.stringify({
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http,
    ...auth,
  });
}

async function caller(port: number, { certificates, password }: RegistryOptions): Promise<Call> {
  const ca = certificates === undefined ? undefined : await readFile(certificates.ca);
  const { username, password: word } = REGISTRY_USER;
  const authorization = `Basic ${Buffer.from(`${username}:${word}`).toString('base64')}`;
  const begin = ca === undefined ? httpRequest : httpsRequest;
  return async (method, path, { headers = {}, body } = {}) => {
    const request = begin({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...(password === true ? { authorization } : {}), ...headers },
      agent: false,
      ...(ca === undefined ? {} : { ca }),
    });
    request.end(body);
    const [response] = await once(request, 'response');
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) };
  };
}

function requestsIn(log: string): string[] {
  return [...log.matchAll(/"(GET|HEAD|PUT|POST|PATCH|DELETE) (\/v2\/\S*) HTTP/g)].map(
    ([, method, path]) => `${method} ${path}`,
  );
}

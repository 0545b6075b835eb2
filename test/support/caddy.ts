/** A real Caddy for one test: ports of loopback, its own configuration and data, started and stopped as a user would set it up. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JsonObject } from '#kernel/json.ts';
import { freePort } from '#test/support/redis.ts';
import { eventually } from '#test/support/wait.ts';

const run = promisify(execFile);

export interface TestCaddy extends AsyncDisposable {
  dir: string;
  /** Where the admin API listens. */
  admin: string;
  file: string;
  data: string;
  /** The keys of the service, without name and type. */
  config: JsonObject;
  /** Writes the Caddyfile; the site answers with `text`. */
  write(text: string, more?: string): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  isRunning(): Promise<boolean>;
  /** What the site answers; undefined when nobody does. */
  answer(): Promise<string | undefined>;
  /** Loads a configuration through the API, as a program would: the site answers with `text` from then on. */
  load(text: string): Promise<void>;
  /** The certificate of the site over TLS, as PEM. */
  certificate(): Promise<string>;
}

/** @param program the Caddy to run: this system's, or one that a test has installed. */
export async function makeCaddy(dir: string, program = 'caddy', unix = false): Promise<TestCaddy> {
  const [adminPort, http, https] = await Promise.all([freePort(), freePort(), freePort()]);
  const at = (name: string) => join(dir, name);
  // As Caddy itself writes the two.
  const admin = unix ? `unix/${at('admin.sock')}` : `http://localhost:${adminPort}`;
  for (const folder of ['etc', 'data/caddy', 'config']) await mkdir(at(folder), { recursive: true });
  await writeFile(at('control'), control(dir, program), { mode: 0o755 });
  const command = async (word: string) => await run('sh', [at('control'), word]);

  const caddyfile = (text: string, more = '') => `{
	admin ${unix ? admin : `localhost:${adminPort}`}
	http_port ${http}
	https_port ${https}
	local_certs
	skip_install_trust
	auto_https disable_redirects
}
http://localhost {
	respond "${text}"
}
https://localhost {
	respond "${text}"
}
${more}`;
  const answer = async () => {
    const asked = fetch(`http://localhost:${http}/`, { headers: { connection: 'close' } });
    return await asked.then(
      async (reply) => await reply.text(),
      () => undefined,
    );
  };
  const write = async (text: string, more?: string) => await writeFile(at('etc/Caddyfile'), caddyfile(text, more));
  await write('one');

  return {
    dir,
    admin,
    file: at('etc/Caddyfile'),
    data: at('data/caddy'),
    config: {
      admin,
      config_file: at('etc/Caddyfile'),
      data_dir: at('data/caddy'),
      program,
      stop: [['sh', at('control'), 'stop']],
      start: [['sh', at('control'), 'start']],
      timeout: '10s',
    },
    write,
    answer,
    async start() {
      await command('start');
      await eventually('Caddy serves its site', async () => (await answer()) !== undefined);
    },
    stop: async () => void (await command('stop')),
    isRunning: async () =>
      await command('status').then(
        () => true,
        () => false,
      ),
    async load(text) {
      const reply = await fetch(`${admin}/load`, {
        method: 'POST',
        headers: { 'content-type': 'text/caddyfile', connection: 'close' },
        body: caddyfile(text),
      });
      if (!reply.ok) throw new Error(await reply.text());
    },
    certificate: async () => await readFile(at('data/caddy/pki/authorities/local/root.crt'), 'utf8'),
    [Symbol.asyncDispose]: async () => void (await command('stop')),
  };
}

function control(dir: string, program: string): string {
  return `cd ${dir}
alive() { [ -e pid ] && kill -0 "$(cat pid)" 2>/dev/null; }
case $1 in
  start)
    alive && exit 0
    XDG_DATA_HOME=${dir}/data XDG_CONFIG_HOME=${dir}/config \\
      ${program} run --config ${dir}/etc/Caddyfile --adapter caddyfile </dev/null >>log 2>&1 &
    echo $! >pid ;;
  stop)
    alive || exit 0
    kill "$(cat pid)"
    while alive; do sleep 0.05; done ;;
  status) alive ;;
esac
`;
}

/** Stands in for mongodump, mongorestore and mongosh, as they are documented; their server is a file of JSON. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { runInNewContext } from 'node:vm';
import { archiveOf, type Documents, readArchive } from '#test/support/mongodb/archive.ts';

export interface StandInServer {
  users: Record<string, string>;
  databases: Record<string, Record<string, Documents>>;
  /** What goes wrong in the next dump. */
  trouble: 'cut short' | 'without a collection' | 'fails' | null;
}

const [, , program = '', ...words] = argv;
const option = (name: string) => words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
const has = (name: string) => words.includes(name);

function fail(message: string): never {
  stderr.write(`Failed: ${message}\n`);
  exit(1);
}

/** The address is the file. Every program leaves its words there. */
function open(file: string, login: { user: string | undefined; password: string | undefined }): StandInServer {
  appendFileSync(`${file}.calls`, `${JSON.stringify([program, ...words])}\n`);
  const server = JSON.parse(readFileSync(file, 'utf8')) as StandInServer;
  const expected = Object.entries(server.users);
  if (expected.length > 0 && !expected.some(([user, password]) => user === login.user && password === login.password)) {
    fail('can’t create session: unable to authenticate using mechanism "SCRAM-SHA-256": Authentication failed.');
  }
  return server;
}

/** The one line of YAML that is of interest, with its text quoted as in JSON. */
function passwordOf(config: string | undefined): string | undefined {
  const quoted = config === undefined ? undefined : /^password: (".*")$/m.exec(readFileSync(config, 'utf8'))?.[1];
  return quoted === undefined ? undefined : String(JSON.parse(quoted));
}

function tool(): { file: string; server: StandInServer } {
  const known = /^--(?:host|port|username|authenticationDatabase|config|db|archive|nsInclude|drop|stopOnError)(?:=|$)/;
  const unknown = words.find((word) => !known.test(word));
  if (unknown !== undefined) fail(`unknown option ${unknown}`);
  const file = option('--host') ?? fail('no server');
  return { file, server: open(file, { user: option('--username'), password: passwordOf(option('--config')) }) };
}

function dump(): void {
  const { server } = tool();
  const name = option('--db') ?? fail('no database');
  const all = Object.entries(server.databases[name] ?? {});
  const archive = archiveOf(name, Object.fromEntries(server.trouble === 'without a collection' ? all.slice(1) : all));
  stdout.write(
    server.trouble === null || server.trouble === 'without a collection' ? archive : archive.subarray(0, -9),
  );
  if (server.trouble === 'fails') fail('error writing data for collection: connection closed');
}

function restore(): void {
  const { file, server } = tool();
  const [wanted] = (option('--nsInclude') ?? '').split('.*');
  for (const [name, collections] of Object.entries(readArchive(readFileSync(0)))) {
    if (name !== wanted) continue;
    const there = (server.databases[name] ??= {});
    for (const [collection, documents] of Object.entries(collections)) {
      const before = has('--drop') ? [] : (there[collection] ?? []);
      there[collection] = [...before, ...documents.filter(({ text }) => text !== 'refused')];
      writeFileSync(file, JSON.stringify(server));
      const refused = documents.length !== documents.filter(({ text }) => text !== 'refused').length;
      // Without the option it goes on, and ends well.
      if (refused && has('--stopOnError')) fail(`${name}.${collection}: error restoring: document failed validation`);
    }
  }
}

function shell(): void {
  if (words.join(' ') !== '--nodb --quiet --norc --file /dev/stdin') fail(`unknown words ${words.join(' ')}`);
  const connect = (address: string, user?: string, password?: string) => {
    const { pathname, host } = new URL(address);
    const file = decodeURIComponent(host);
    const server = open(file, { user, password });
    const name = pathname.slice(1);
    return {
      runCommand: () => ({ ok: 1 }),
      adminCommand: () => ({ databases: Object.keys(server.databases).map((one) => ({ name: one })) }),
      getCollectionInfos: () =>
        Object.keys(server.databases[name] ?? {}).map((one) => ({ name: one, type: 'collection' })),
      dropDatabase() {
        delete server.databases[name];
        writeFileSync(file, JSON.stringify(server));
        return { ok: 1, dropped: name };
      },
    };
  };
  runInNewContext(readFileSync('/dev/stdin', 'utf8'), {
    connect,
    print: (text: string) => stdout.write(`${text}\n`),
    process: { env },
  });
}

if (has('--version')) stdout.write(`${program} version: 100.9.4\n`);
else if (program === 'mongodump') dump();
else if (program === 'mongorestore') restore();
else shell();

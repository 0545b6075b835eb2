/** A stand-in for an Unraid server on loopback, by HTTPS and by HTTP: GraphQL by the published schema, acting on a world. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { execute, GraphQLError, NoSchemaIntrospectionCustomRule, parse, specifiedRules, validate } from 'graphql';
import { z } from 'zod';
import type { Certificates } from '#test/support/certificates.ts';
import { rootsOf, TokenTrouble } from '#test/support/unraid/resolvers.ts';
import { fieldsAsked, openSchema } from '#test/support/unraid/schema.ts';
import type { World } from '#test/support/unraid/worlds.ts';

export const KEY = 'b7k2mnpqrstvb7k2mnpqrstvb7k2mnpqrstv';

export interface Fault {
  /** `docker.stop` */
  on: string;
  what: 'request lost' | 'reply lost after the act' | 'error after the act' | 'error' | 'hole';
}

export interface Disk {
  name: string;
  status: string;
  numErrors: number;
  fsSize?: number;
  fsFree?: number;
}

export interface UnraidState {
  /** Of the key: `DOCKER:READ_ANY`. */
  rights: Set<string>;
  roles: string[];
  array: string;
  disks: Disk[];
  faults: Fault[];
  /** Every question that arrived: `docker.containers`. */
  asked: string[];
  /** Fields that this version does not have yet. */
  without: string[];
  /** How a key that is not accepted is refused. */
  refuses: 'in the answer' | 'with 401';
}

export interface FakeUnraid extends AsyncDisposable, UnraidState {
  url: string;
  plainUrl: string;
  /** Shows another certificate from now on. */
  present(certificates: Certificates): Promise<void>;
}

const ALL_RIGHTS = ['DOCKER', 'VMS'].flatMap((one) => [`${one}:READ_ANY`, `${one}:UPDATE_ANY`]);
export const READING = ['ARRAY:READ_ANY', 'INFO:READ_ANY', 'ME:READ_ANY'];

export async function startUnraid(world: World, certificates: Certificates): Promise<FakeUnraid> {
  const pair = async ({ key, certificate }: Certificates) => ({
    key: await readFile(key),
    cert: await readFile(certificate),
  });
  const secure = createServer(await pair(certificates));
  const servers: Server[] = [secure, createPlain()];
  const fake: FakeUnraid = {
    rights: new Set([...ALL_RIGHTS, ...READING]),
    roles: [],
    array: 'STARTED',
    disks: [{ name: 'disk1', status: 'DISK_OK', numErrors: 0 }],
    faults: [],
    asked: [],
    without: [],
    refuses: 'in the answer',
    url: '',
    plainUrl: '',
    present: async (next) => secure.setSecureContext(await pair(next)),
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
  for (const server of servers) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      respond({ fake, world, request, response }).catch((error: unknown) => response.destroy(error as Error));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [url, plainUrl] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  return Object.assign(fake, { url: `https://${url}`, plainUrl: `http://${plainUrl}` });
}

interface Turn {
  fake: FakeUnraid;
  world: World;
  request: IncomingMessage;
  response: ServerResponse;
}

const Question = z.object({ query: z.string(), variables: z.record(z.string(), z.unknown()).default({}) });

async function respond({ fake, world, request, response }: Turn): Promise<void> {
  const body = await text(request);
  const isRight = request.method === 'POST' && request.headers['content-type'] === 'application/json';
  if (request.url !== '/graphql' || !isRight) return send(response, 404, { statusCode: 404, error: 'Not Found' });
  const { query, variables } = Question.parse(JSON.parse(body));
  const asked = fieldsAsked(query);
  fake.asked.push(asked);
  const known = request.headers['x-api-key'] === KEY;
  if (!known && fake.refuses === 'with 401') {
    return send(response, 401, { statusCode: 401, message: 'User not found', error: 'Unauthorized' });
  }
  const schema = openSchema(fake.without);
  const document = parse(query);
  // Introspection is off on a server whose owner did not switch the sandbox on.
  const wrong = validate(schema, document, [...specifiedRules, NoSchemaIntrospectionCustomRule]);
  if (wrong.length > 0)
    return send(response, 400, { errors: wrong.map((one) => told(one, 'GRAPHQL_VALIDATION_FAILED')) });
  const at = fake.faults.findIndex(({ on }) => on === asked);
  const [fault] = at < 0 ? [] : fake.faults.splice(at, 1);
  if (fault?.what === 'request lost') return void request.socket.destroy();
  if (fault?.what === 'error')
    return send(response, 200, { data: null, errors: [told(new GraphQLError('it would not'))] });
  const rootValue = rootsOf({
    fake,
    world,
    known,
    isMutation: query.startsWith('mutation'),
    hole: fault?.what === 'hole',
  });
  const { data, errors = [] } = await execute({ schema, document, rootValue, variableValues: variables });
  if (fault?.what === 'reply lost after the act') return void request.socket.destroy();
  const late = fault?.what === 'error after the act' ? [new GraphQLError('Failed: Invalid state transition')] : [];
  const all = [...errors, ...late].map((one) => told(one));
  send(response, 200, { data: late.length > 0 ? null : data, ...(all.length === 0 ? {} : { errors: all }) });
}

function told(error: GraphQLError, code = 'INTERNAL_SERVER_ERROR'): object {
  const own = error.originalError instanceof TokenTrouble ? error.originalError.code : undefined;
  const { message, locations, path } = error;
  return { message, locations, path, extensions: { code: own ?? code } };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

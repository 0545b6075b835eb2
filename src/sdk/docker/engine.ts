/** Asks a Docker engine over its API, whose version is the engine's own, with errors that say what is wrong. */

import type { Readable } from 'node:stream';
import type DockerModem from 'docker-modem';
import type { ConnectConfig } from 'ssh2';
import type { z } from 'zod';
import { AutopilotError, type ErrorCode, errorText, systemCode } from '#kernel/errors.ts';
import { type EngineAddress, placeOf } from '#sdk/docker/address.ts';
import { algorithmsOf, fingerprint, pinnedKey } from '#sdk/ssh/host-key.ts';
import type { Tools } from '#sdk/tools.ts';

export interface Engine {
  tools: Tools;
  /** @throws AutopilotError HA_NOT_FOUND, HA_CONFLICT, HA_REMOTE_REFUSED, HA_REMOTE_UNREACHABLE */
  ask<S extends z.ZodType>(shape: S, path: string, query?: Query): Promise<z.output<S>>;
  /** A change. `already` are answers that mean that it is so already. @returns whether it was made now. */
  change(method: 'POST' | 'DELETE', path: string, options?: Change): Promise<boolean>;
  /** Streams a tar archive out of one container's directory into another one's. */
  copy(from: ContainerPath, to: ContainerPath): Promise<void>;
}

type Query = Readonly<Record<string, string | number | boolean>>;

interface Change {
  query?: Query;
  body?: object;
  already?: readonly number[];
  timeoutMs?: number;
}

export interface ContainerPath {
  container: string;
  path: string;
}

const ANSWER_MS = 60_000;

/** A file that is copied out may be big; a connection on which nothing moves for so long is dead. */
const SILENCE_MS = 120_000;

const GOOD = { 200: true, 201: true, 204: true } as const;

interface Dialled {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  query?: Query | undefined;
  body?: object | undefined;
  file?: Readable;
  isStream?: boolean;
  timeoutMs?: number | undefined;
}

export async function connect(tools: Tools, address: EngineAddress): Promise<Engine> {
  const seen: Seen = { strangeKey: undefined };
  const [options, ssh] = await Promise.all([addressOf(tools, address), sshOf(tools, address, seen)]);
  const dial = async (call: Dialled) => dialled({ tools, place: placeOf(address), seen, options, ssh }, call);
  return {
    tools,
    async ask(shape, path, query) {
      const said = await dial({ method: 'GET', path, query });
      // The library takes a bare `null` for no JSON.
      const answer: unknown = Buffer.isBuffer(said) ? JSON.parse(said.toString()) : said;
      const parsed = shape.safeParse(answer);
      if (parsed.success) return parsed.data;
      throw new AutopilotError(
        'HA_BAD_OUTPUT',
        `${tools.name}: the engine answered ${path} in an unknown form: ${parsed.error.issues[0]?.message}`,
      );
    },
    async change(method, path, { query, body, already = [], timeoutMs } = {}) {
      tools.signal.throwIfAborted();
      try {
        await dial({ method, path, query, body, timeoutMs });
        return true;
      } catch (error) {
        if (already.includes(statusOf(error) ?? 0)) return false;
        throw error;
      }
    },
    async copy(from, to) {
      const query = ({ path }: ContainerPath) => ({ path });
      const archive = ({ container }: ContainerPath) => `/containers/${encodeURIComponent(container)}/archive`;
      const file = await dial({ method: 'GET', path: archive(from), query: query(from), isStream: true });
      tools.signal.throwIfAborted();
      await dial({ method: 'PUT', path: archive(to), query: query(to), file: file as Readable, timeoutMs: SILENCE_MS });
    },
  };
}

/** The status of the engine's answer behind an error, if it answered. */
export function statusOf(error: unknown): number | undefined {
  const cause = error instanceof AutopilotError ? error.cause : error;
  const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

interface Seen {
  strangeKey: Buffer | undefined;
}

interface Line {
  tools: Tools;
  place: string;
  seen: Seen;
  options: DockerModem.ConstructorOptions;
  /** Null: not through SSH. */
  ssh: ConnectConfig | null;
}

async function dialled(line: Line, call: Dialled): Promise<unknown> {
  const { tools, options, ssh } = line;
  tools.signal.throwIfAborted();
  // Loaded when it is used: every call of the command line loads all plugins.
  const { default: Modem } = await import('docker-modem');
  const agent = ssh === null ? {} : { agent: (await import('docker-modem/lib/ssh.js')).default(ssh) };
  const limit = call.timeoutMs ?? ANSWER_MS;
  // A channel of SSH cannot watch itself for silence: there the whole question has a limit, unless it is a stream.
  const watched = ssh === null || call.isStream === true || call.file !== undefined;
  const modem = new Modem({ ...options, ...agent, ...(ssh === null ? { timeout: limit } : {}) });
  const abortSignal = watched ? tools.signal : AbortSignal.any([tools.signal, AbortSignal.timeout(limit)]);
  const { method, path, query = {}, body, file, isStream = false } = call;
  const answered = Promise.withResolvers<unknown>();
  modem.dial(
    {
      method,
      path: Object.keys(query).length === 0 ? path : `${path}?`,
      abortSignal,
      statusCodes: GOOD,
      isStream,
      ...(file === undefined ? {} : { file }),
      // Without a body of its own the library would send the query as one.
      options: { _query: query, _body: body ?? {} },
    },
    (error, result) => (error === null ? answered.resolve(result) : answered.reject(error)),
  );
  try {
    return await answered.promise;
  } catch (error) {
    file?.destroy();
    tools.signal.throwIfAborted();
    throw troubleOf(line, call, error);
  }
}

async function addressOf(tools: Tools, { socket, tls }: EngineAddress): Promise<DockerModem.ConstructorOptions> {
  // Named, all of them: what is not would be taken from DOCKER_HOST.
  const none = { host: undefined, port: undefined, username: undefined, protocol: 'http' as const };
  // Through SSH the engine's own command there finds its socket.
  if (tls === undefined) return { ...none, socketPath: socket };
  const [ca, cert, key] = await Promise.all([tls.ca, tls.cert, tls.key].map((ref) => tools.secret(ref)));
  return { ...none, host: tls.host, port: tls.port, protocol: 'https', ca, cert, key };
}

async function sshOf(tools: Tools, { ssh }: EngineAddress, seen: Seen): Promise<ConnectConfig | null> {
  if (ssh === undefined) return null;
  const pinned = pinnedKey(tools, ssh.host_key);
  const { host, port, username } = ssh;
  return {
    host,
    port,
    username,
    readyTimeout: ANSWER_MS,
    algorithms: { serverHostKey: algorithmsOf(pinned) as never },
    hostVerifier: (blob: Buffer) => {
      if (blob.equals(pinned.blob)) return true;
      seen.strangeKey = blob;
      return false;
    },
    privateKey: await tools.secret(ssh.private_key),
    ...(ssh.passphrase === undefined ? {} : { passphrase: await tools.secret(ssh.passphrase) }),
  };
}

function troubleOf({ tools, place, seen }: Line, { method, path }: Dialled, cause: unknown): AutopilotError {
  const status = statusOf(cause);
  if (status !== undefined) return new AutopilotError(codeOf(status), `${tools.name}: ${said(cause)}`, { cause });
  if (seen.strangeKey !== undefined) {
    return new AutopilotError(
      'HA_REMOTE_REFUSED',
      `${tools.name}: ${place} shows the key ${fingerprint(seen.strangeKey)}, which is not the pinned one`,
      { next: 'find out why; if the machine was set up anew, write its new host_key' },
    );
  }
  if (systemCode(cause) === 'EACCES') {
    return new AutopilotError('HA_REMOTE_REFUSED', `${tools.name}: this user may not use Docker’s socket ${place}`, {
      cause,
      next: 'run the worker as root, or as a member of the group that owns the socket',
    });
  }
  const unknown = method === 'GET' ? '' : `; whether it did ${method} ${path} is not known`;
  return new AutopilotError(
    'HA_REMOTE_UNREACHABLE',
    `${tools.name}: no Docker engine answers at ${place} (${errorText(cause)})${unknown}`,
    { cause, next: 'start Docker there (systemctl start docker), or correct its address' },
  );
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'HA_NOT_FOUND';
  return status === 409 ? 'HA_CONFLICT' : 'HA_REMOTE_REFUSED';
}

/** What the engine said, without the frame that the library puts around it. */
function said(cause: unknown): string {
  return errorText(cause)
    .replace(/^\(HTTP code \d+\) \w[\w ]* - /, '')
    .trim();
}

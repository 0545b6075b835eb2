/** One SSH connection for one action: to the pinned server or to none, and with an end to every wait. */
import type { Client, SFTPWrapper } from 'ssh2';
import { AutopilotError } from '#kernel/errors.ts';
import { milliseconds } from '#sdk/duration.ts';
import { type PinnedConnection, pinnedConnection } from '#sdk/ssh/pinned-connection.ts';
import { connectError, lost, operationError } from './errors.ts';
import type { SftpTools } from './index.ts';

export interface Session {
  tools: SftpTools;
  sftp: SFTPWrapper;
  /** Does one operation. `what` completes "the connection was lost while …". */
  ask<T>(what: string, start: (answer: (error: Error | null | undefined, value?: T) => void) => void): Promise<T>;
}

export async function connected<T>(tools: SftpTools, work: (session: Session) => Promise<T>): Promise<T> {
  tools.signal.throwIfAborted();
  const server = await pinnedConnection(tools, tools.config, milliseconds(tools.config.timeout));
  // Loaded when it is used: every call of the command line loads all plugins.
  const { default: ssh2 } = await import('ssh2');
  const client = new ssh2.Client();
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const stop = () => {
    gone.reject(tools.signal.reason);
    client.destroy();
  };
  tools.signal.addEventListener('abort', stop, { once: true });
  try {
    const sftp = await open(tools, { client, server, gone });
    return await work({ tools, sftp, ask: createAsk(tools, gone.promise) });
  } catch (error) {
    tools.signal.throwIfAborted();
    throw error;
  } finally {
    tools.signal.removeEventListener('abort', stop);
    client.end();
    client.destroy();
  }
}

interface Opening {
  client: Client;
  server: PinnedConnection;
  gone: PromiseWithResolvers<never>;
}

async function open(tools: SftpTools, { client, server, gone }: Opening): Promise<SFTPWrapper> {
  const ready = Promise.withResolvers<undefined>();
  client.on('ready', () => ready.resolve(undefined));
  // After the start an error is a lost connection; every operation that waits is told, and there may be several.
  client.on('error', (error) => gone.reject(error));
  client.on('close', () => gone.reject(new Error('the server closed the connection')));
  // Many small requests each wait for an answer, which Nagle's algorithm would hold back.
  client.on('connect', () => client.setNoDelay(true));
  try {
    client.connect(server.config);
    await Promise.race([ready.promise, gone.promise]);
  } catch (error) {
    tools.signal.throwIfAborted();
    throw connectError(tools, error, server.strange());
  }
  const opened = Promise.withResolvers<SFTPWrapper>();
  client.sftp((error, sftp) => (error === undefined ? opened.resolve(sftp) : opened.reject(error)));
  try {
    return await Promise.race([opened.promise, gone.promise]);
  } catch (cause) {
    const { host, port } = tools.config;
    throw new AutopilotError('HA_DESTINATION_UNUSABLE', `${tools.name}: ${host}:${port} has no SFTP for this user`, {
      cause,
      next: 'switch SFTP on for the user on the server',
    });
  }
}

function createAsk(tools: SftpTools, gone: Promise<never>): Session['ask'] {
  return async (what, start) => {
    const answered = Promise.withResolvers<Parameters<Parameters<typeof start>[0]>[1]>();
    const silent = Promise.withResolvers<never>();
    const timer = setTimeout(() => silent.reject(lost(tools, what)), milliseconds(tools.config.timeout));
    answered.promise.catch(() => undefined);
    try {
      start((error, value) => (error ? answered.reject(operationError(tools, what, error)) : answered.resolve(value)));
      // The callbacks of the library are typed with a value where there is no error.
      return (await Promise.race([answered.promise, gone, silent.promise])) as never;
    } catch (error) {
      tools.signal.throwIfAborted();
      throw error instanceof AutopilotError ? error : operationError(tools, what, error);
    } finally {
      clearTimeout(timer);
    }
  };
}

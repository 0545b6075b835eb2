/** Runs vim-cmd on a host through SSH: on the pinned host or on none, each word quoted, and with an end to every wait. */
import type { Client, ClientChannel } from 'ssh2';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { quoted } from '#kernel/shell.ts';
import { milliseconds } from '#sdk/duration.ts';
import { fingerprint } from '#sdk/ssh/host-key.ts';
import { pinnedConnection } from '#sdk/ssh/pinned-connection.ts';
import { type EsxiTools, placeOf } from './config.ts';
import type { Lost } from './insist.ts';

/** `lost`: the connection broke, or nothing came in time; nobody knows how far it went. */
export type Said = { kind: 'said'; code: number; text: string } | Lost;

/** More than a host with hundreds of guests says at once. */
const LONGEST = 4 * 1024 * 1024;

/** One connection for one action; one that broke is made anew for the next command. */
export class Shell implements AsyncDisposable {
  readonly tools: EsxiTools;
  #client: Client | undefined;

  constructor(tools: EsxiTools) {
    this.tools = tools;
  }

  /** @param limitMs how long it may take; without it, the step's own limit and a connection that is dead end it. */
  async run(words: readonly string[], limitMs?: number): Promise<Said> {
    const { signal } = this.tools;
    signal.throwIfAborted();
    const limit = limitMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    try {
      this.#client ??= await connected(this.tools);
      // A fence may have closed while the host was looked at: nothing is sent after that.
      this.tools.signal.throwIfAborted();
      return await executed(this.#client, `vim-cmd ${words.map(quoted).join(' ')}`, limit);
    } catch (error) {
      this.#end();
      this.tools.signal.throwIfAborted();
      if (error instanceof AutopilotError) throw error;
      return { kind: 'lost', text: errorText(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #end(): void {
    this.#client?.end();
    this.#client?.destroy();
    this.#client = undefined;
  }
}

async function executed(client: Client, command: string, signal: AbortSignal): Promise<Said> {
  const ended = Promise.withResolvers<Said>();
  const stop = () => ended.reject(new Error('no answer in time'));
  const gone = () => ended.reject(new Error('the connection was lost'));
  signal.addEventListener('abort', stop, { once: true });
  client.once('close', gone);
  try {
    client.exec(command, (error, channel) => {
      if (error !== undefined) return ended.reject(error);
      collect(channel, ended);
    });
    return await ended.promise;
  } finally {
    signal.removeEventListener('abort', stop);
    client.off('close', gone);
  }
}

function collect(channel: ClientChannel, { resolve, reject }: PromiseWithResolvers<Said>): void {
  const parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer) => {
    length += part.length;
    if (length > LONGEST) reject(new Error('the host says more than anybody can read'));
    else parts.push(part);
  };
  channel.on('data', take);
  channel.stderr.on('data', take);
  channel.on('close', (code: number | null | undefined) => {
    // Without a status it did not end: the connection did.
    if (typeof code !== 'number') reject(new Error('the connection was lost'));
    else resolve({ kind: 'said', code, text: Buffer.concat(parts).toString() });
  });
}

async function connected(tools: EsxiTools): Promise<Client> {
  const { ssh, timeout } = tools.config;
  if (ssh === undefined)
    throw new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: there is no ssh: to reach it by`);
  const { config, strange } = await pinnedConnection(tools, ssh, milliseconds(timeout));
  // Loaded when it is used: every call of the command line loads all plugins.
  const { default: ssh2 } = await import('ssh2');
  const client = new ssh2.Client();
  const ready = Promise.withResolvers<undefined>();
  const stop = () => ready.reject(tools.signal.reason);
  tools.signal.addEventListener('abort', stop, { once: true });
  // Small requests each wait for an answer, which Nagle's algorithm would hold back.
  client.on('connect', () => client.setNoDelay(true));
  client.on('ready', () => ready.resolve(undefined));
  // It stays: an error later is told by "close" too, and without a listener it would end the process.
  client.on('error', ready.reject);
  client.on('close', () => ready.reject(new Error('the host closed the connection')));
  try {
    client.connect(config);
    await ready.promise;
    return client;
  } catch (error) {
    client.destroy();
    tools.signal.throwIfAborted();
    throw refusedBy(tools, error, strange()) ?? error;
  } finally {
    tools.signal.removeEventListener('abort', stop);
  }
}

/** @returns undefined when the host could not be reached: that may be over in a moment. */
function refusedBy(tools: EsxiTools, cause: unknown, strange: Buffer | undefined): AutopilotError | undefined {
  const where = `${tools.name}: ${placeOf(tools)}`;
  if (strange !== undefined) {
    return new AutopilotError(
      'HA_REMOTE_REFUSED',
      `${where} shows the key ${fingerprint(strange)}, which is not the pinned one`,
      { next: 'nothing was sent there; if the host was set up anew, write its new host_key' },
    );
  }
  const text = errorText(cause);
  if (/no matching host key/i.test(text)) {
    return new AutopilotError('HA_REMOTE_REFUSED', `${where} has no key of the pinned type`, {
      cause,
      next: 'see what it has with  ssh-keyscan',
    });
  }
  if (cause instanceof Error && 'level' in cause && cause.level === 'client-authentication') {
    return new AutopilotError('HA_REMOTE_REFUSED', `${where}: the key is not let in`, {
      cause,
      next: 'put its public half into /etc/ssh/keys-root/authorized_keys of the host',
    });
  }
  if (/parse privateKey|passphrase|Encrypted private/i.test(text)) {
    return new AutopilotError('HA_CONFIG_INVALID', `${tools.name}: the private key cannot be used`, {
      cause,
      next: 'check the key, and its passphrase',
    });
  }
  return undefined;
}

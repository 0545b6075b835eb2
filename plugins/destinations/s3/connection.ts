/** One client for one action: with the configured key alone, to the server that is meant, with an end to every wait. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { AutopilotError, errorText } from '#kernel/errors.ts';
import { pause } from '#kernel/wait.ts';
import { reachOf } from '#sdk/address.ts';
import { milliseconds } from '#sdk/duration.ts';
import { pinnedAgent } from '#sdk/pinned-agent.ts';
import { bytesPerSecond } from '#sdk/rate.ts';
import { createPace } from '#sdk/remote/pace.ts';
import { isPassing, s3Error } from './errors.ts';
import type { S3Tools } from './index.ts';

interface How {
  abortSignal: AbortSignal;
}

export interface Session {
  tools: S3Tools;
  sdk: typeof Sdk;
  /** Does one request, and again when it failed for a moment. `what` completes "the store did not …". */
  ask<T>(what: string, request: (client: Sdk.S3Client, how: How) => Promise<T>): Promise<T>;
  /** Does one request that tidies up, also when the step has been told to stop. It may fail. */
  tidy(request: (client: Sdk.S3Client, how: How) => Promise<unknown>): Promise<void>;
  /** Bytes as a body that keeps the bandwidth limit and goes with its SHA-256, for one attempt. */
  body(bytes: Buffer): { Body: Readable; ContentLength: number; ContentMD5: string };
}

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 150;
const TIDY_MS = 10_000;
const WRITE_BYTES = 64 << 10;

export async function connected<T>(tools: S3Tools, work: (session: Session) => Promise<T>): Promise<T> {
  tools.signal.throwIfAborted();
  // Loaded when it is used: every call of the command line loads all plugins, and most homes have no such store.
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client(await clientConfig(tools));
  try {
    return await work({
      tools,
      sdk,
      ask: createAsk(tools, client),
      tidy: createTidy(tools, client),
      body: createBodies(tools, client),
    });
  } catch (error) {
    tools.signal.throwIfAborted();
    throw error;
  } finally {
    client.destroy();
  }
}

/** All that the library would else look for in the environment, in files of AWS or in a cloud's metadata is said here. */
async function clientConfig(tools: S3Tools): Promise<Sdk.S3ClientConfig> {
  const { config } = tools;
  const url = await allowedEndpoint(tools);
  const patience = milliseconds(config.timeout);
  const trust = { fingerprint: config.fingerprint, ca: await authority(tools) };
  return {
    endpoint: url.href,
    region: config.region,
    forcePathStyle: config.path_style ?? !/\.amazonaws\.com(\.cn)?$/.test(url.hostname),
    credentials: {
      accessKeyId: config.access_key_id,
      secretAccessKey: (await tools.secret(config.secret_access_key)).trim(),
    },
    requestHandler: { httpsAgent: pinnedAgent(trust), connectionTimeout: patience, socketTimeout: patience },
    // We try again ourselves, and ask before each attempt whether the step is still this worker's.
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    disableClockSkewCorrection: true,
    followRegionRedirects: false,
    ignoreConfiguredEndpointUrls: true,
    // The checksums that AWS has now are refused by many other stores. Ours is in the signature, which all of them check.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With an agent that we hand in, nobody would wait for the answer to it.
    expectContinueHeader: false,
    authSchemePreference: ['sigv4'],
    sigv4aSigningRegionSet: [config.region],
    disableS3ExpressSessionAuth: true,
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    // It warns on the console otherwise of what is told as an error anyway.
    logger: { trace: silence, debug: silence, info: silence, warn: silence, error: silence },
    // Whose machine this is, and what runs on it, is nobody's business there.
    userAgentAppId: async () => undefined,
    defaultUserAgentProvider: async () => [['homelab-autopilot', '1']],
  };
}

function silence(): void {
  // Nothing is said.
}

async function allowedEndpoint({ name, config }: S3Tools): Promise<URL> {
  const url = new URL(config.endpoint);
  if (url.protocol === 'https:') return url;
  const reach = await reachOf(url.hostname);
  if (reach === 'loopback' || (reach === 'private' && config.allow_private)) return url;
  const next = reach === 'private' ? 'give it TLS, or say allow_private: true if that is meant' : 'write https://';
  throw new AutopilotError('HA_CONFIG_INVALID', `${name}: ${url.host} is not reached by https`, { next });
}

async function authority({ name, config }: S3Tools): Promise<string | undefined> {
  if (config.ca_file === undefined) return undefined;
  try {
    return await readFile(config.ca_file, 'utf8');
  } catch (cause) {
    throw new AutopilotError('HA_CONFIG_INVALID', `${name}: ${config.ca_file} cannot be read: ${errorText(cause)}`, {
      cause,
      next: 'copy the certificate of the authority there, as PEM',
    });
  }
}

function createAsk(tools: S3Tools, client: Sdk.S3Client): Session['ask'] {
  return async (what, request) => {
    for (let attempt = 1; ; attempt++) {
      const { signal } = tools;
      signal.throwIfAborted();
      try {
        return await request(client, { abortSignal: signal });
      } catch (error) {
        tools.signal.throwIfAborted();
        if (error instanceof AutopilotError) throw error;
        if (attempt === ATTEMPTS || !isPassing(error)) throw s3Error(tools, what, error);
        tools.log.debug('the store is asked again', { what, attempt, reason: errorText(error) });
        await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1), signal);
      }
    }
  };
}

function createTidy(tools: S3Tools, client: Sdk.S3Client): Session['tidy'] {
  return async (request) => {
    try {
      await request(client, { abortSignal: AbortSignal.timeout(TIDY_MS) });
    } catch (error) {
      tools.log.info('what was begun at the store could not be tidied up', { reason: errorText(error) });
    }
  };
}

/** The SHA-256 is part of what is signed: a store takes no other bytes than those. */
function createBodies(tools: S3Tools, client: Sdk.S3Client): Session['body'] {
  const sums = new WeakMap<object, string>();
  const pace = createPace(tools, bytesPerSecond(tools.config.bandwidth_limit ?? ''));
  client.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      const sum = hasBody(request) ? sums.get(request.body) : undefined;
      if (sum !== undefined && hasBody(request)) request.headers['x-amz-content-sha256'] = sum;
      return next(args);
    },
    { step: 'build' },
  );
  return (bytes) => {
    const body = Readable.from(pieces(bytes, pace), { objectMode: false });
    // It ends with an error when the step does; whoever asked is told by the request itself.
    body.on('error', () => undefined);
    sums.set(body, createHash('sha256').update(bytes).digest('hex'));
    // Buckets with a lock on their objects want one of the checksums that a request can name, and all stores know this.
    return { Body: body, ContentLength: bytes.length, ContentMD5: createHash('md5').update(bytes).digest('base64') };
  };
}

function hasBody(request: unknown): request is { body: object; headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'body' in request && request.body instanceof Readable;
}

async function* pieces(bytes: Buffer, pace: (bytes: number) => Promise<void>): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
    const piece = bytes.subarray(at, at + WRITE_BYTES);
    await pace(piece.length);
    yield piece;
  }
}

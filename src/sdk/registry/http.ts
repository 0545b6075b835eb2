/** One request to a registry, with a limit to its time and to the size of its answer. */
import { errorText } from '#kernel/errors.ts';
import { RegistryFailure } from '#sdk/registry/answer.ts';
import type { RegistryTools } from '#sdk/registry/settings.ts';

export interface Ask {
  url: URL;
  method?: 'GET' | 'HEAD';
  headers?: Record<string, string>;
  /** Sent as a form, by POST. It holds secrets, so it is sent to this address and no other. */
  form?: Record<string, string>;
}

export interface Heard {
  status: number;
  headers: Headers;
  body: Buffer;
}

const LIMIT_MS = 20_000;

/** Manifests are held to 4 MiB by registries themselves; lists of tags of big repositories come in pages. */
const LARGEST = 8 * 1024 * 1024;

/** @throws RegistryFailure `unreachable` without an answer, `bad_answer` for one that must not be used. */
export async function send(tools: RegistryTools, { url, method = 'GET', headers = {}, form }: Ask): Promise<Heard> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    const posted = form && ({ method: 'POST', body: new URLSearchParams(form), redirect: 'error' } as const);
    const response = await tools.fetch(url, { method, headers, signal, ...posted });
    // What a registry keeps elsewhere it redirects to; but never from an encrypted place to one that is not.
    if (url.protocol === 'https:' && response.redirected && !response.url.startsWith('https:')) {
      await response.body?.cancel();
      throw new RegistryFailure('bad_answer', `${url.host} redirects to a place without encryption`);
    }
    return { status: response.status, headers: response.headers, body: await bodyOf(response, url) };
  } catch (error) {
    tools.signal.throwIfAborted();
    if (error instanceof RegistryFailure) throw error;
    const late = error instanceof Error && error.name === 'TimeoutError';
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const why = late ? `no answer within ${LIMIT_MS / 1_000} s` : reasonOf(cause);
    throw new RegistryFailure('unreachable', `${url.host} cannot be reached: ${why}`, { cause });
  }
}

async function bodyOf(response: Response, { host }: URL): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > LARGEST)
      throw new RegistryFailure('bad_answer', `the answer of ${host} is larger than ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A name with several addresses fails with one error for each of them, and an empty message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(errorText).join('; ');
  return errorText(cause);
}

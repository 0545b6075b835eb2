/** The http probe: a GET whose answer has the right status, and the right text in it. */
import { AutopilotError, errorText, systemCode } from '#kernel/errors.ts';
import type { Seen } from '#sdk/probes/seen.ts';
import type { Tools } from '#sdk/tools.ts';

/** As much of an answer is searched. */
const SEARCHED_CHARACTERS = 1024 * 1024;

export interface HttpQuestion {
  url: string;
  status: number;
  body_contains?: string | undefined;
  timeoutMs: number;
}

export async function askHttp(tools: Tools, question: HttpQuestion): Promise<Seen> {
  const signal = AbortSignal.any([tools.signal, AbortSignal.timeout(question.timeoutMs)]);
  // Who expects a redirection wants to see it, and not where it leads.
  const redirect = question.status >= 300 && question.status < 400 ? 'manual' : 'follow';
  try {
    const response = await tools.fetch(question.url, { signal, redirect });
    const wanted = question.body_contains;
    const body = wanted === undefined ? '' : await beginning(response);
    await response.body?.cancel().catch(() => undefined);
    if (response.status !== question.status) {
      return { ok: false, detail: `answered ${response.status}, needs ${question.status}` };
    }
    if (wanted !== undefined && !body.includes(wanted)) {
      return { ok: false, detail: `answered ${response.status}, but without the text ${JSON.stringify(wanted)}` };
    }
    return { ok: true, detail: `answered ${response.status}` };
  } catch (error) {
    return { ok: false, detail: whyNot(error) };
  }
}

async function beginning(response: Response): Promise<string> {
  if (response.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > SEARCHED_CHARACTERS) break;
  }
  return text;
}

/** `fetch` says "fetch failed"; the reason is in the cause. */
function whyNot(error: unknown): string {
  if (error instanceof AutopilotError) return error.message;
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return systemCode(cause) === 'ECONNREFUSED' ? 'connection refused' : errorText(cause);
}

/** What a dead-man's switch outside is told of a run: no more than that it began, or how it ended. */
import type { RunView } from '#engine/run.ts';
import { derivedId, shortId } from '#kernel/ids.ts';
import type { Message } from '#sdk/kinds/notification.ts';

export const PING_WORDS = ['start', 'success', 'fail'] as const;
export type PingWord = (typeof PING_WORDS)[number];

/** Null: nothing is said. Who counts on the run hears nothing good of one that a person has cancelled. */
export function endWord({ status, startedAt }: Pick<RunView, 'status' | 'startedAt'>): PingWord | null {
  switch (status) {
    case 'succeeded':
      return 'success';
    case 'skipped':
      // It looked, and found nothing to do; one that was not let begin has not looked.
      return startedAt === null ? null : 'success';
    case 'failed':
    case 'rolled_back':
    case 'needs_attention':
      return 'fail';
    case 'queued':
    case 'running':
    case 'cancelled':
      return null;
  }
}

/** Goes to a stranger's machine, so it holds no reason and no path. */
export function pingMessage(run: RunView, word: PingWord, at: Date): Message {
  const { id, workflow, service, host } = run;
  return {
    id: derivedId('ping', id, word),
    event: `ping_${word}`,
    severity: word === 'fail' ? 'error' : 'info',
    title: `ping: ${workflow} ${service} ${WORDS[word]}`,
    text: `${workflow} ${service} ${WORDS[word]} (run ${shortId(id)})`,
    service,
    host,
    at: at.toISOString(),
  };
}

const WORDS: Record<PingWord, string> = { start: 'started', success: 'succeeded', fail: 'failed' };

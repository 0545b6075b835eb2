/** The notification kind: a channel that tells a person what happened. */
import { z } from 'zod';
import { action, kind } from '#sdk/contract.ts';

export const Message = z.object({
  /** Stable over repeated sending, for channels that can drop a second copy. */
  id: z.string(),
  event: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  title: z.string(),
  text: z.string(),
  service: z.string().optional(),
  host: z.string().optional(),
  at: z.iso.datetime(),
});
export type Message = z.output<typeof Message>;

/**
 * Why a message was not delivered, which decides what happens next; an error that is thrown counts as `busy`.
 * - `busy`: not now; it is tried again.
 * - `message`: this message will never be taken; the next one may be.
 * - `channel`: the channel is gone or locked; nothing more is sent until somebody has seen to it.
 */
export const Refusal = z.enum(['busy', 'message', 'channel']);
export type Refusal = z.output<typeof Refusal>;

export const notification = kind('notification', 'A channel that tells a person what happened', {
  check: action('read', 'Tells whether the channel can be reached, without sending anything', {
    input: z.object({}),
    output: z.object({ detail: z.string() }),
  }),
  send: action('idempotent', 'Delivers one message; a second copy after a crash is possible and harmless', {
    input: z.object({ message: Message }),
    output: z.object({
      delivered: z.boolean(),
      detail: z.string(),
      refused: Refusal.optional().describe('When it was not delivered: what stands in the way. Default: busy'),
      retryAfterMs: z.int().nonnegative().optional().describe('How long the other side asked us to wait'),
    }),
  }),
});

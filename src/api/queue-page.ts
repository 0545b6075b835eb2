/** bull-board: the queues as a web page, to look at. Runs are changed through the command line, which keeps the history. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Router } from 'express';

/** What bull-board needs of a queue; the queue room makes them. */
type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

/** @param base the path that the page is mounted under. */
export function queuePage(queues: readonly BoardQueue[], base: string): Router {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(base);
  createBullBoard({
    // Read only: a job that is retried or removed behind the engine's back would contradict the history.
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true, delimiter: '.' })),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Homelab Autopilot', boardLogo: { path: '' }, miscLinks: [] } },
  });
  return serverAdapter.getRouter();
}

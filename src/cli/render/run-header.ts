/** The line that begins everything that is shown of a run. */

import type { Style } from '#cli/render/style.ts';
import type { RunView } from '#engine/run.ts';
import { shortId } from '#kernel/ids.ts';

/** `backup paperless · run b7k2 · docker-1`. */
export function runHeader(run: RunView, style: Style): string {
  return `${style('strong', `${run.workflow} ${run.service}`)} · run ${shortRunId(run)} · ${run.host}`;
}

export function shortRunId({ id }: Pick<RunView, 'id'>): string {
  return shortId(id);
}

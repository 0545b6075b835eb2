/** What can be done with a Compose project. */
import type { Implementation } from '#sdk/contract.ts';
import type { service } from '#sdk/kinds/service.ts';
import { checkUpdate } from './check-update.ts';
import type { ComposeTools } from './config.ts';
import { dump, endTryDumps, load, tryDumps } from './databases.ts';
import { bring, fetch, hold, letGo } from './images.ts';
import { inspect, sources, validate } from './look.ts';
import { requireProject } from './project.ts';
import { ready } from './ready.ts';
import { release } from './release.ts';
import { quiesce, resume } from './rest.ts';
import { restart } from './restart.ts';
import { endTrial, trial } from './trial.ts';
import { revert, standby, update } from './update.ts';
import { imagesOf } from './versions.ts';

export const actions: Implementation<(typeof service)['actions'], ComposeTools['config']> = {
  inspect,
  sources,
  dump,
  load,
  tryDumps,
  endTryDumps,
  quiesce,
  resume,
  restart,
  checkUpdate,
  release,
  fetch,
  hold,
  letGo,
  update,
  ready,
  bring,
  standby,
  revert,
  trial,
  endTrial,
  versions: async (tools) => ({ images: await imagesOf(tools, await requireProject(tools)) }),
  validate,
};

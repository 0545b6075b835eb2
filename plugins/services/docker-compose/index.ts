/** A Docker Compose project: its directory and volumes are backed up, its services stopped only as far as you say. */
import { service } from '#sdk/kinds/service.ts';
import { actions } from './actions.ts';
import { Backup, Config, Update } from './config.ts';

export const plugin = service.define({
  id: 'docker-compose',
  title: 'Docker Compose project',
  config: Config,
  backup: Backup,
  update: Update,
  actions,
});

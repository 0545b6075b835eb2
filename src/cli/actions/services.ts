/** `services`: the state of every service at a glance. */
import type { Settings } from '#app/settings.ts';
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { proofsOf } from '#cli/render/proofs.ts';
import { type ServiceRow, servicesTable } from '#cli/render/services.ts';
import { type Call, flag } from '#cli/spec.ts';
import type { DrillView, RestorePointView } from '#engine/requests.ts';
import { errorText } from '#kernel/errors.ts';

export async function listServices(context: Context, call: Call): Promise<ExitStatus> {
  const settings = await settingsOf(context, call);
  const [points, states] = await Promise.all([
    restorePoints(context, settings),
    Promise.all(settings.config.services.map(({ name }) => context.rooms.serviceState(settings, name))),
  ]);
  using health = await context.rooms.openHealth(settings, context.now());
  const drills = await lastDrills(context, settings);
  const rows = settings.config.services.map((service, i): ServiceRow => {
    const known = health?.service(service.name) ?? null;
    const newest = points.find((point) => point.service === service.name);
    const { state, version, detail } = states[i] ?? { state: 'unknown', version: null, detail: '' };
    return {
      name: service.name,
      type: service.type,
      host: service.host,
      // The plugin tells whether it runs; the checks, whether it works.
      state: known?.state ?? state,
      watched: known !== null,
      version,
      detail: known?.detail ?? detail,
      uptime: known?.uptime ?? null,
      lastBackup: newest === undefined ? null : summary(newest),
      ...proofsOf(drills, service.name),
    };
  });
  if (flag(call, 'json')) printJson(context, { services: rows });
  else printLines(context, servicesTable(rows, { moment: momentOf(context, settings), style: context.terminal.style }));
  return EXIT.done;
}

function summary({ id, createdAt, verifiedAt, copies }: RestorePointView): NonNullable<ServiceRow['lastBackup']> {
  const verified = copies.filter(({ status }) => status === 'verified').length;
  return { id, createdAt, verifiedAt, copies: copies.length, verifiedCopies: verified };
}

/** A destination that is away must not hide the state of the services. */
async function restorePoints(context: Context, settings: Settings): Promise<RestorePointView[]> {
  try {
    await using backups = await context.rooms.openBackups(settings, { signal: context.interrupted });
    const { restorePoints, troubles } = await backups.list();
    for (const { destination, message } of troubles) context.terminal.tell(`${destination}: ${message}`);
    return restorePoints;
  } catch (error) {
    context.terminal.tell(`backups cannot be listed: ${errorText(error)}`);
    return [];
  }
}

/** What was proven is in the state file of the controller's machine. */
async function lastDrills(context: Context, settings: Settings): Promise<DrillView[]> {
  try {
    using history = await context.rooms.openHistory(settings);
    return history?.lastDrills() ?? [];
  } catch (error) {
    context.terminal.tell(`what drills have proven cannot be read: ${errorText(error)}`);
    return [];
  }
}

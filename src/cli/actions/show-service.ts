/** `services show`: all that is known of one service. */
import { momentOf, settingsOf } from '#cli/actions/settings.ts';
import { type Context, printJson, printLines } from '#cli/context.ts';
import { EXIT, type ExitStatus } from '#cli/exit.ts';
import { serviceLines } from '#cli/render/health.ts';
import { proofsOf } from '#cli/render/proofs.ts';
import { type Call, flag, word } from '#cli/spec.ts';

const NEWEST = 5;

export async function showService(context: Context, call: Call): Promise<ExitStatus> {
  const { rooms } = context;
  const settings = await settingsOf(context, call);
  const { name, type, host, dependsOn } = await rooms.findService(settings, word(call, 0));
  const inspected = await rooms.serviceState(settings, name);
  using health = await rooms.openHealth(settings, context.now());
  using history = await rooms.openHistory(settings);
  const known = health?.service(name) ?? null;
  const page = {
    name,
    type,
    host,
    dependsOn,
    state: known?.state ?? inspected.state,
    detail: known?.detail ?? inspected.detail,
    version: inspected.version,
    since: known?.since ?? null,
    uptime: known?.uptime ?? null,
    checks: health?.checks(name) ?? [],
    incidents: health?.incidents({ service: name, limit: NEWEST }) ?? [],
    ...proofsOf(history?.lastDrills() ?? [], name),
    backups: history?.restorePoints(name).slice(0, NEWEST) ?? [],
    runs: history?.runs({ service: name, limit: NEWEST }) ?? [],
  };
  const surroundings = { moment: momentOf(context, settings), style: context.terminal.style };
  if (flag(call, 'json')) printJson(context, page);
  else printLines(context, serviceLines(page, surroundings));
  return EXIT.done;
}

/** Parts of plans that several workflows share: making a matched set of image, configuration and data, and going back to one. */
import { encryptionOf } from '#sdk/encryption.ts';
import type { PlanNode, PluginRef } from '#sdk/plan.ts';
import { registriesOf } from '#sdk/registry/in-plan.ts';
import type { PlanContext, StepNode } from '#sdk/workflow.ts';
import { bracket, outputOf, parallel, persistent, sequence } from '#sdk/workflow.ts';

/** Keys of the steps whose outputs later steps speak of. */
const KEYS = { sources: 'sources', release: 'release', preflight: 'preflight', dump: 'dump' } as const;

const DUMP_PRESENT = 'dump-present';

/** The same on a way back, where steps have other keys. */
export const UNDO_DUMP_PRESENT = `undo-${DUMP_PRESENT}`;

export interface SetWish {
  all?: boolean;
  judge?: boolean;
  wayBack?: boolean;
  with?: StepNode[];
}

/**
 * Brings the data to rest, captures it together with what runs, verifies the set, and brings a verified copy to every
 * destination. `all` stops everything that can write, so that data and images are of one instant; without `judge` the
 * service need not work afterwards, for it did not work before. `with` is done at the same instant. With `wayBack` the set
 * is what the run itself may have to go back to.
 */
export function makeSet(
  context: PlanContext,
  { all = false, judge = true, wayBack = false, with: also = [] }: SetWish = {},
): PlanNode {
  const { run, service, archive, backup } = context;
  const set = setOf(context);
  const places = backup.destinations;
  const sources = sourcesOf(context);
  const knowsRelease = service.can('release');
  const encryption = encryptionOf(context);
  const look = {
    sources,
    destinations: placeNames(context),
    ...encryption,
    ...(wayBack && encryption.encryption !== undefined ? { wayBack } : {}),
  };
  return sequence(
    // Files of a database that goes on would be torn; its dump is what brings it back.
    service.do('sources', backup.databases && !all ? { dumped: true } : {}),
    ...(knowsRelease ? [service.do('release', {})] : []),
    archive.do('preflight', look, { uses: places }),
    bracket(
      sequence(
        // One attempt: the service may already be down, and the way out is the release below, not a second try.
        ...toRest(context, all),
        archive.do('capture', {
          ...set,
          run: run.id,
          sources,
          compression: backup.compression,
          ...(backup.shared ? { shareable: true } : {}),
          expected: {
            files: outputOf(archive, 'preflight', KEYS.preflight, 'files'),
            contentBytes: outputOf(archive, 'preflight', KEYS.preflight, 'contentBytes'),
          },
          ...(also.length === 0 ? {} : { durable: true }),
          ...(knowsRelease ? { release: releaseOf(context) } : {}),
          ...(backup.databases ? { dumps: outputOf(archive, 'dump', KEYS.dump, 'dumps') } : {}),
          ...encryption,
        }),
        ...also,
      ),
      persistent(service.do('resume', judge ? {} : { judge })),
    ),
    archive.do('seal', { ...set, ...usualSize(context), ...encryption }, { key: 'verify', title: 'verify' }),
    parallel(...places.map((place) => copyTo(context, place))),
  );
}

/** The median of the last backups: one odd set among them does not change what is usual. */
function usualSize({ restorePoints }: PlanContext): { usualBytes?: number } {
  const sizes = restorePoints.filter(({ purpose }) => purpose === 'backup').slice(0, 5);
  const sorted = sizes.map(({ sizeBytes }) => sizeBytes).toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined || sizes.length < 2 ? {} : { usualBytes: middle };
}

/** Writers stop, databases are dumped, and where all is to be of one instant the databases stop after that. */
function toRest(context: PlanContext, all: boolean): StepNode[] {
  const { service, backup } = context;
  const once = { retry: { attempts: 1 } };
  if (!backup.databases) return [service.do('quiesce', all ? { all } : {}, once)];
  if (!all) return [service.do('quiesce', {}, once), dump(context, setOf(context), { key: KEYS.dump })];
  return [
    service.do('quiesce', { all, databases: 'keep' }, once),
    dump(context, setOf(context), { key: KEYS.dump, all }),
    service.do('quiesce', { all }, { ...once, key: 'quiesce-databases', title: 'quiesce databases' }),
  ];
}

function dump(
  { archive, service, backup }: PlanContext,
  set: { set: string; service: string },
  { key, ...how }: { key: string; all?: boolean; missing?: boolean },
): StepNode {
  const { compression } = backup;
  const packing = { compression, ...(backup.shared ? { shareable: true } : {}) };
  return archive.do('dump', { ...set, ...packing, ...how }, { key, title: 'dump databases', uses: [service] });
}

function copyTo(context: PlanContext, place: PlanContext['backup']['destinations'][number]): PlanNode {
  const { archive, backup, service } = context;
  const set = setOf(context);
  const from = placeNames(context).filter((name) => name !== place.name);
  return sequence(
    archive.do(
      'copy',
      { ...set, to: place.name, from },
      { key: `copy-${place.name}`, title: `copy → ${place.name}`, uses: backup.destinations },
    ),
    archive.do(
      'verifyCopy',
      { ...set, destination: place.name },
      { key: `verify-${place.name}`, title: `verify ${place.name}`, uses: [place] },
    ),
    archive.do(
      'retain',
      { service: service.name, destination: place.name, retention: backup.retention },
      { key: `retention-${place.name}`, title: `retention ${place.name}`, uses: [place] },
    ),
  );
}

/**
 * Dumps the databases of now, as far as their files will not be kept: before all stops, and so before `keepPresent`.
 * Nothing for a service without databases.
 */
export function dumpPresent(context: PlanContext): StepNode[] {
  const { run, service, backup } = context;
  if (!backup.databases) return [];
  const set = { set: run.replaced, service: service.name };
  return [
    service.do('quiesce', { all: true, databases: 'keep' }, { key: 'quiesce-present', title: 'quiesce' }),
    dump(context, set, { key: DUMP_PRESENT, all: true, missing: true }),
  ];
}

/** Keeps the data of now in a set of its own, before it is replaced. Nothing may write meanwhile. */
export function keepPresent(context: PlanContext, dumpKey = DUMP_PRESENT): StepNode[] {
  const { run, service, archive, backup } = context;
  const set = { set: run.replaced, service: service.name };
  return [
    archive.do(
      'capture',
      {
        ...set,
        run: run.id,
        sources: sourcesOf(context),
        compression: backup.compression,
        ...(backup.shared ? { shareable: true } : {}),
        purpose: 'before-rollback',
        release: releaseOf(context),
        ...(backup.databases ? { dumps: outputOf(archive, 'dump', dumpKey, 'dumps') } : {}),
        ...encryptionOf(context),
      },
      { key: 'keep-present', title: 'keep present data' },
    ),
    archive.do('seal', { ...set, ...encryptionOf(context) }, { key: 'verify-present', title: 'verify present data' }),
  ];
}

/** Brings what was replaced to a destination, if anything was, and tidies the staging directory. */
export function tidyStaging(context: PlanContext): StepNode[] {
  const { archive, backup, service, run } = context;
  return [
    persistent(
      archive.do(
        'setAside',
        { set: run.replaced, service: service.name, to: placeNames(context) },
        { title: 'set aside', uses: backup.destinations },
      ),
    ),
    persistent(archive.do('discard', setOf(context), { title: 'tidy up' })),
  ];
}

/** Which parts of a matched set are put back. */
export interface Parts {
  image: boolean;
  config: boolean;
  data: boolean;
}

/** Before anything is stopped, where the plugin can tell: whether the release could run here now, and has its images. */
export function lookFirst(
  context: PlanContext,
  release: ReturnType<typeof releaseOf>,
  { data, image }: Pick<Parts, 'data' | 'image'>,
): StepNode[] {
  const { service } = context;
  const registries = registriesOf(context);
  return [
    ...(service.can('ready') ? [service.do('ready', { release, data }, { title: 'nothing in its way' })] : []),
    ...(image && service.can('bring') ? [service.do('bring', { release, registries }, { title: 'images' })] : []),
  ];
}

/** From whatever is now to what a set holds, proven by the gate. `suffix` keeps the keys of two such ways apart. */
export function goTo(
  context: PlanContext,
  there: { set: string; release: ReturnType<typeof releaseOf>; parts: Parts },
  suffix = '',
): { stop: StepNode; put: StepNode[] } {
  const { service, archive, backup } = context;
  const { set, release, parts } = there;
  const registries = registriesOf(context);
  const from = { set, service: service.name, from: placeNames(context), ...encryptionOf(context) };
  const named = (key: string, title = key) => ({ key: `${key}${suffix}`, title });
  const restore = archive.do(
    'restore',
    { ...from, data: parts.data, config: parts.config },
    { ...named('restore', 'put data back'), uses: backup.destinations },
  );
  const load = archive.do(
    'load',
    { ...from, release, image: parts.image, registries },
    { ...named('load', 'put databases back'), uses: [...backup.destinations, service] },
  );
  return {
    stop: service.do('standby', { release }, named('stop', 'stop')),
    put: [
      ...(parts.data || parts.config ? [restore] : []),
      ...(parts.data && backup.databases ? [load] : []),
      service.do('revert', { release, image: parts.image, registries }, named('revert', 'run the old version')),
      gate(context, named('gate-again', 'gate again')),
    ],
  };
}

/** Judges the service by its own probes: fails unless all are good, and stay good. */
export function gate({ service, change }: PlanContext, names: { key: string; title: string }): StepNode {
  const { timeoutMs, stableForMs } = change.gate;
  // The probes end by themselves within this: restarts may take the waiting back to its start twice.
  const limit = timeoutMs + 2 * stableForMs + 60_000;
  return service.do('validate', change.gate, {
    ...names,
    failUnless: 'healthy',
    // A verdict is final. What ended without one, on the way back most of all, deserves another look.
    retry: { attempts: 2 },
    timeoutMs: limit,
  });
}

/** For a way back whose first step may have taken the host of the service, with its staging directory, back in time. */
export function reseal(context: PlanContext): StepNode {
  const input = { ...setOf(context), ...encryptionOf(context) };
  return context.archive.do('reseal', input, { title: 'verify the set again' });
}

/** What ran when the run looked; the steps that speak of it come after the look. */
export function releaseOf({ service }: PlanContext) {
  return outputOf(service, 'release', KEYS.release, 'release');
}

function sourcesOf({ service }: PlanContext) {
  return outputOf(service, 'sources', KEYS.sources, 'sources');
}

export function setOf({ run, service }: PlanContext): { set: string; service: string } {
  return { set: run.restorePoint, service: service.name };
}

/** What `checkRestore` is told when the dumps of a set can be put back. */
export function canLoad({ backup }: PlanContext): { databases?: true } {
  return backup.databases ? { databases: true } : {};
}

/** What a look at a set calls: its destinations, and the service where it has databases. */
export function reachOf({ backup, service }: PlanContext): { readonly ref: PluginRef }[] {
  return backup.databases ? [...backup.destinations, service] : backup.destinations;
}

export function placeNames({ backup }: PlanContext): string[] {
  return backup.destinations.map(({ name }) => name);
}

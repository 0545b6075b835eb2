/** Rehearses an update: on a copy, made from the newest backup and shut off, everything is broken that may break. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Acting, act } from '#app/act.ts';
import { createPerformer } from '#app/performer.ts';
import { serviceNamed } from '#app/planning.ts';
import { refOf } from '#app/plugin-ref.ts';
import { type Attempt, attempt, type Bench } from '#app/rehearse/attempt.ts';
import { candidateOf, cloneName, endClone, makeClone, requireCopyable } from '#app/rehearse/clone.ts';
import { leftBehind, note } from '#app/rehearse/left-behind.ts';
import { openPracticeLab } from '#app/rehearse/practice-lab.ts';
import { SCENARIOS } from '#app/rehearse/scenarios.ts';
import { createSecretResolver } from '#app/secrets.ts';
import type { Settings } from '#app/settings.ts';
import type { ServiceConfig } from '#config/types.ts';
import { errorText } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import { service as kind } from '#sdk/kinds/service.ts';

export interface RehearseWish {
  service: string;
  /** The version to practise with; undefined: the one that an update would take. */
  to: string | undefined;
  signal: AbortSignal;
  /** Told what is being done. */
  tell(line: string): void;
  onAttempt(attempt: Attempt): void;
}

export interface Rehearsal {
  service: string;
  /** The set that the copy was made from. */
  set: string;
  candidate: string;
  newer: boolean;
  attempts: Attempt[];
  passed: number;
  tried: number;
  seconds: number;
  /** Whether everything of it is removed. */
  tidy: boolean;
}

export async function rehearse(settings: Settings, wish: RehearseWish): Promise<Rehearsal> {
  const began = performance.now();
  const service = serviceNamed(settings.config, wish.service);
  requireCopyable(settings, service);
  const place = { root: join(settings.config.global.stateDir, 'rehearsals'), trial: newId(), tidy: true };
  const { set, candidate, attempts } = await onACopy({ settings, wish, service, place });
  return {
    service: service.name,
    set,
    candidate: candidate.version,
    newer: candidate.newer,
    attempts,
    passed: attempts.filter(({ ok }) => ok === true).length,
    tried: attempts.filter(({ ok }) => ok !== null).length,
    seconds: Math.round((performance.now() - began) / 1000),
    tidy: place.tidy,
  };
}

interface Work {
  settings: Settings;
  wish: RehearseWish;
  service: ServiceConfig;
  /** `tidy` turns false when something could not be removed. */
  place: { root: string; trial: string; tidy: boolean };
}

async function onACopy(work: Work) {
  const { settings, wish, service, place } = work;
  const { trial } = place;
  const folder = join(place.root, trial);
  await using stack = new AsyncDisposableStack();
  const acting = actingIn(settings, { stateDir: join(folder, 'copy'), signal: wish.signal, stack });
  await openFolder(work, { folder, acting, stack });
  wish.tell(`a copy of ${service.name} is made from its newest backup`);
  const cloning = { settings, service, trial, acting };
  const clone = await makeClone(cloning);
  const plugin = refOf('service', { name: cloneName(trial), type: service.type, config: clone.config });
  const { images } = await act(acting, kind, { action: 'versions', plugin });
  const candidate = await candidateOf(cloning, { to: wish.to, running: images, tell: wish.tell });
  const { global } = settings.config;
  const lab = stack.use(await openPracticeLab({ folder, trial, global, service, clone: clone.config }));
  const bench: Bench = { lab, clone, trial, acting, gate: service.update.gate, images, candidate: candidate.images };
  wish.tell(`it works; its update to ${candidate.version} is broken in ${SCENARIOS.length} ways`);
  const attempts: Attempt[] = [];
  for (const scenario of SCENARIOS) {
    const outcome = await attempt(bench, scenario);
    attempts.push(outcome);
    wish.onAttempt(outcome);
  }
  return { set: clone.set, candidate, attempts };
}

/** A folder by whose name all is found that this rehearsal makes; what earlier ones have left is removed first. */
async function openFolder(
  { wish, service, place }: Work,
  { folder, acting, stack }: { folder: string; acting: Acting; stack: AsyncDisposableStack },
): Promise<void> {
  const remove = async (trial: string) => {
    await endClone({ service, trial, acting: tidying(acting) });
    await rm(join(place.root, trial), { recursive: true, force: true });
  };
  for (const left of await leftBehind(place.root)) {
    wish.tell('an earlier rehearsal was cut short; what it left is removed');
    await remove(left);
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await note(folder);
  stack.defer(async () => {
    try {
      await remove(place.trial);
    } catch (error) {
      // The folder stays, for by its name the next rehearsal finds what is left.
      place.tidy = false;
      wish.tell(`not all could be removed, the next rehearsal does it: ${errorText(error)}`);
    }
  });
}

function actingIn(
  settings: Settings,
  { stateDir, signal, stack }: { stateDir: string; signal: AbortSignal; stack: AsyncDisposableStack },
): Acting {
  const { config } = settings;
  const apart = { ...settings, config: { ...config, global: { ...config.global, stateDir } } };
  const performer = createPerformer(apart, { host: config.global.host, secrets: createSecretResolver(config) });
  return { performer: stack.use(performer), purpose: 'rehearse', timeoutMs: config.global.timeoutMs, signal };
}

/** What was made is removed also when a person has had enough. */
function tidying(acting: Acting): Acting {
  return { ...acting, signal: new AbortController().signal };
}

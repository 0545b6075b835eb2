/** What is certified: every workflow of the folder, and the exercise with its undo steps. A new workflow is covered by being there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TerminalStatus } from '#engine/run.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Lab, LabService } from '#test/chaos/lab.ts';
import { BAD_VERSION, FIRST_CONTENT, FIRST_VERSION, files, ledgerOf } from '#test/fixtures/drill/world.ts';
import { readShelf } from '#test/fixtures/plugins/hypervisors/shelf.ts';
import { root } from '#test/support/sources.ts';

export interface Scenario {
  name: string;
  workflow: string;
  input: JsonObject;
  /** The one right terminal status, whatever is killed on the way. */
  status: TerminalStatus;
  /** One service for all runs, so that each finds what the one before has left; otherwise a new one each time. */
  again: boolean;
  /** Whether the service is in a guest of a hypervisor. */
  guest: boolean;
  /** What the service has been through before the run: a restore point and content that was written since; a crash; or one after which it does not work any more. */
  before: 'nothing' | 'restore point' | 'down' | 'broken';
  /** What is wrong with the world after the run; empty when all is well. */
  problems(lab: Lab, service: LabService, run: string): string[];
}

/** What is written to a service when it has its restore point. */
export const SINCE = 'written since';

/** What a workflow needs to be run, and leaves, where that is not what a backup needs and leaves. */
interface Special {
  input?: JsonObject;
  before?: Scenario['before'];
  again?: boolean;
  version?: string;
  content?: string;
  /** Backups that are there in the end. */
  backups?: number;
  guest?: boolean;
  /** Backups of its guest that the run makes. */
  kept?: number;
}

const SPECIAL: Readonly<Record<string, Special>> = {
  drill: { before: 'restore point', content: SINCE, guest: true },
  update: { again: false, version: '2' },
  rollback: { before: 'restore point' },
  heal: { again: false, before: 'down', backups: 0 },
  'restore-guest': { before: 'restore point', content: SINCE, guest: true, kept: 1 },
  restore: { before: 'restore point', input: { overwrite: true } },
};

/** The names of the workflows, from the names of their files. */
function workflowNames(): string[] {
  return readdirSync(join(root, 'workflows'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''))
    .toSorted();
}

export function scenarios(): Scenario[] {
  const ours = workflowNames().map((workflow): Scenario => {
    const special = SPECIAL[workflow] ?? {};
    const {
      input = {},
      before = 'nothing',
      again = true,
      version = FIRST_VERSION,
      content = FIRST_CONTENT,
      backups = 1,
      guest = false,
      kept = 0,
    } = special;
    return {
      name: workflow,
      workflow,
      input,
      status: 'succeeded',
      again,
      guest,
      before,
      problems: (lab, service, run) => [
        ...serviceProblems(service, { content, version }),
        ...leftovers(lab, service),
        ...setProblems(lab, service, backups),
        ...(guest ? guestProblems(lab, service, { run, wanted: kept }) : []),
      ],
    };
  });
  return [
    ...ours,
    {
      name: 'update that fails its gate',
      workflow: 'update',
      input: { to: BAD_VERSION },
      status: 'rolled_back',
      again: false,
      guest: false,
      before: 'nothing',
      problems: (lab, service) => [
        ...serviceProblems(service, { content: FIRST_CONTENT }),
        ...leftovers(lab, service),
        ...setProblems(lab, service),
      ],
    },
    {
      name: 'heal that does not help',
      workflow: 'heal',
      input: {},
      status: 'failed',
      again: false,
      guest: false,
      before: 'broken',
      problems: (lab, service) => [
        ...serviceProblems(service, { content: FIRST_CONTENT, version: BAD_VERSION }),
        ...leftovers(lab, service),
        ...setProblems(lab, service, 0),
      ],
    },
    {
      name: 'exercise',
      workflow: 'exercise',
      input: {},
      status: 'succeeded',
      again: false,
      guest: false,
      before: 'nothing',
      problems: (lab, service, run) => [
        ...serviceProblems(service, { content: run, succeeded: run }),
        ...leftovers(lab, service),
        ...hookProblems(service, 1),
      ],
    },
    {
      name: 'exercise that fails at its last step',
      workflow: 'exercise',
      input: { fail: 'last' },
      status: 'rolled_back',
      again: false,
      guest: false,
      before: 'nothing',
      problems: (lab, service) => [
        ...serviceProblems(service, { content: FIRST_CONTENT }),
        ...leftovers(lab, service),
        ...hookProblems(service, 1),
      ],
    },
  ];
}

interface Wanted {
  content: string;
  version?: string;
  /** The run of the exercise that left its marks. */
  succeeded?: string;
}

/** Up, content wholly old or wholly new, the marks of a run that succeeded, nothing else; never two at work at once. */
function serviceProblems({ folder }: LabService, wanted: Wanted): string[] {
  const problems: string[] = [];
  const content = readFileSync(files.content(folder), 'utf8');
  if (content !== wanted.content) problems.push(`the content is "${content}", not "${wanted.content}"`);
  const file = files.version(folder);
  const version = existsSync(file) ? readFileSync(file, 'utf8') : FIRST_VERSION;
  const right = wanted.version ?? FIRST_VERSION;
  if (version !== right) problems.push(`the version is ${version}, not ${right}`);
  const { succeeded } = wanted;
  const sides = succeeded === undefined ? [] : [`side-a.${succeeded}`, `side-b.${succeeded}`];
  const expected = new Set(['content', 'ledger', 'busy', 'version', ...sides]);
  const names = new Set(readdirSync(folder));
  for (const name of names) {
    if (name === 'stopped') problems.push('the service is down');
    else if (!expected.has(name)) problems.push(`left over: ${name}`);
  }
  for (const side of sides) if (!names.has(side)) problems.push(`missing: ${side}`);
  for (const { step, note, what } of ledgerOf(folder)) {
    if (what === 'overlap') problems.push(`${step} began while another was at work: ${note}`);
  }
  return problems;
}

function hookProblems({ folder }: LabService, wanted: number): string[] {
  const count = ledgerOf(folder).filter(({ what }) => what === 'hook').length;
  return count === wanted ? [] : [`the hook ran ${count} times`];
}

const below = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);

/** Nothing is left in staging or scratch, nor a half copy at the destination. */
function leftovers(lab: Lab, { name }: LabService): string[] {
  const half = below(join(lab.dir, 'usb', name)).filter((set) => set.startsWith('.'));
  const left = [...below(join(lab.stateDir, 'backups', 'staging')), ...below(join(lab.stateDir, 'scratch')), ...half];
  return left.map((path) => `left over: ${path}`);
}

/** The guest runs, it was backed up as often as wanted, and no copy of any guest is left. */
function guestProblems(
  { guestsFile }: Lab,
  { name }: LabService,
  { run, wanted }: { run: string; wanted: number },
): string[] {
  const guests = readShelf(guestsFile);
  const guest = guests.find(({ id }) => id === name);
  if (guest === undefined) return ['its guest is gone'];
  const kept = guest.backups.filter((one) => one.run === run).length;
  return [
    ...(guest.state === 'running' ? [] : [`its guest is ${guest.state}`]),
    ...(kept === wanted ? [] : [`its guest was backed up ${kept} times`]),
    ...guests.filter(({ trial }) => trial !== undefined).map(({ id }) => `left over: the copy ${id}`),
  ];
}

/** So many backups are there, besides what rollbacks replaced, and all of it is as its checksums say. */
function setProblems(lab: Lab, { name }: LabService, wanted = 1): string[] {
  const folder = join(lab.dir, 'usb', name);
  const sets = below(folder);
  const damaged = sets.filter((set) => {
    const options = { cwd: join(folder, set), stdio: 'ignore' } as const;
    return spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], options).status !== 0;
  });
  const backups = sets.filter((set) => {
    return readFileSync(join(folder, set, 'manifest.json'), 'utf8').includes('"purpose": "backup"');
  });
  const count = backups.length === wanted ? [] : [`${backups.length} backups are there, not ${wanted}`];
  return [...count, ...damaged.map((set) => `damaged: ${set}`)];
}

/** The history as people read it: runs, their steps, their story, restore points. Reads only. */
import { outageMs } from '#engine/outage.ts';
import type { DrillView, RestorePointView } from '#engine/requests.ts';
import type { RunDetail, RunStatus, RunView, StepView } from '#engine/run.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { PlannedStep, UndoStep } from '#sdk/plan.ts';
import { Plan, planSteps, undoSteps } from '#sdk/plan.ts';
import type { Decision } from '#sdk/versions/decision.ts';
import type { Database } from '#store/database.ts';
import { readDecisions } from '#store/decisions.ts';
import { lastDrills } from '#store/drills.ts';
import { CopyRow, IdRow, RestorePointRow, RunRow, StepRow, StoryRow } from '#store/rows.ts';

export interface RunFilter {
  service?: string | undefined;
  workflow?: string | undefined;
  status?: RunStatus | undefined;
  limit: number;
}

export interface History {
  runs(filter: RunFilter): RunView[];
  run(id: string): RunDetail;
  /** The full id behind a unique prefix. @throws AutopilotError HA_NOT_FOUND, HA_USAGE when several runs match. */
  resolve(prefix: string): string;
  restorePoints(service?: string): RestorePointView[];
  /** The last drill of each service that has proven something. */
  lastDrills(): DrillView[];
  /** What people have decided of versions, the newest first. */
  decisions(service: string | null): Decision[];
  /** The run that has the service now. */
  holder(service: string): RunView | null;
  /** Step key → milliseconds of its last success in this workflow on this service. */
  lastDurations(workflow: string, service: string): Record<string, number>;
}

export function createHistory(db: Database): History {
  function resolve(prefix: string): string {
    if (!/^[a-z0-9]{1,64}$/.test(prefix)) throw notFound(prefix);
    const rows = db.sql('SELECT id FROM runs WHERE id >= ? AND id < ? LIMIT 3').all(prefix, `${prefix}~`);
    const ids = rows.map((row) => IdRow.parse(row).id);
    const [first] = ids;
    if (first === undefined) throw notFound(prefix);
    if (ids.length > 1 && !ids.includes(prefix)) {
      throw new AutopilotError('HA_USAGE', `several runs begin with "${prefix}"`, {
        next: `For example: ${ids.join(', ')}`,
      });
    }
    return ids.includes(prefix) ? prefix : first;
  }

  return {
    runs({ service, workflow, status, limit }) {
      const rows = db
        .sql(
          `SELECT * FROM runs
           WHERE (?1 IS NULL OR service = ?1) AND (?2 IS NULL OR workflow = ?2) AND (?3 IS NULL OR status = ?3)
           ORDER BY seq DESC LIMIT ?4`,
        )
        .all(service ?? null, workflow ?? null, status ?? null, limit);
      return rows.map((row) => runView(RunRow.parse(row)));
    },

    run(prefix) {
      const row = RunRow.parse(db.sql('SELECT * FROM runs WHERE id = ?').get(resolve(prefix)));
      const story = db.sql('SELECT at, text FROM story WHERE run = ? ORDER BY rowid').all(row.id);
      return {
        ...runView(row),
        planHash: row.plan_hash,
        ...stepsOf(db, row),
        story: story.map((line) => StoryRow.parse(line)),
      };
    },

    resolve,

    restorePoints(service) {
      const rows = db
        .sql('SELECT * FROM restore_points WHERE ?1 IS NULL OR service = ?1 ORDER BY created_at DESC, id')
        .all(service ?? null);
      const drills = new Map(lastDrills(db, 'restore_point').map((drill) => [drill.restorePoint, drill]));
      return rows.map((row) => restorePointView(db, RestorePointRow.parse(row), drills));
    },

    lastDrills: () => lastDrills(db, 'service'),

    decisions: (service) => readDecisions(db, service),

    holder(service) {
      const row = db.sql(`SELECT * FROM runs WHERE service = ? AND changes = 1 AND status = 'running'`).get(service);
      return row === undefined ? null : runView(RunRow.parse(row));
    },

    lastDurations(workflow, service) {
      const last = db
        .sql(
          `SELECT * FROM runs WHERE workflow = ? AND service = ? AND status = 'succeeded' AND retry_of IS NULL
           ORDER BY seq DESC LIMIT 1`,
        )
        .get(workflow, service);
      if (last === undefined) return {};
      const rows = db
        .sql('SELECT * FROM steps WHERE run = ?')
        .all(RunRow.parse(last).id)
        .map((row) => StepRow.parse(row));
      return Object.fromEntries(
        rows.flatMap((row) =>
          row.started_at === null || row.finished_at === null
            ? []
            : [[row.key, Date.parse(row.finished_at) - Date.parse(row.started_at)]],
        ),
      );
    },
  };
}

function runView(row: RunRow): RunView {
  return {
    id: row.id,
    workflow: row.workflow,
    service: row.service,
    host: row.host,
    status: row.status,
    requestedAt: row.requested_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    reason: row.reason,
    next: row.next,
    retryOf: row.retry_of,
    schedule: row.schedule,
    restorePoint: row.restore_point,
  };
}

/** Planned steps in the plan's order, then the undo steps in the order in which they were begun. */
function stepsOf(db: Database, run: RunRow): Pick<RunDetail, 'steps' | 'outageMs'> {
  const rows = db
    .sql('SELECT * FROM steps WHERE run = ? ORDER BY seq')
    .all(run.id)
    .map((row) => StepRow.parse(row));
  const states = new Map(rows.map((row) => [row.key, row]));
  // A plan of another version still has a status and a story to show.
  const plan = Plan.safeParse(JSON.parse(run.plan));
  const planned = plan.success ? planSteps(plan.data.root) : [];
  const undos = new Map(plan.success ? undoSteps(plan.data.root).map((undo) => [undo.key, undo]) : []);
  const undone = rows.flatMap((row) => {
    const undo = undos.get(row.key);
    return undo === undefined ? [] : [stepView(undo, row, true)];
  });
  const steps = [...planned.map((step) => stepView(step, states.get(step.key), false)), ...undone];
  const noticed = (step: StepView) => states.get(step.name)?.output?.['outage'] === true;
  return { steps, outageMs: outageMs(steps.map((step) => ({ ...step, outage: noticed(step) }))) };
}

function stepView(step: PlannedStep | UndoStep, row: StepRow | undefined, undo: boolean): StepView {
  const summary = row?.output?.['summary'];
  return {
    name: step.key,
    title: step.title,
    kind: step.plugin.kind,
    action: step.action,
    host: step.host,
    status: row === undefined ? 'planned' : row.reused === 1 ? 'reused' : row.status,
    attempts: row?.attempts ?? 0,
    effect: step.effect,
    startedAt: row?.started_at ?? null,
    finishedAt: row?.finished_at ?? null,
    summary: typeof summary === 'string' ? summary : null,
    error: row?.error?.message ?? null,
    errorCode: row?.error?.code ?? null,
    next: row?.error?.next ?? null,
    undo,
  };
}

function restorePointView(
  db: Database,
  row: ReturnType<typeof RestorePointRow.parse>,
  drills: ReadonlyMap<string, DrillView>,
): RestorePointView {
  const copies = db.sql('SELECT * FROM copies WHERE restore_point = ? ORDER BY destination').all(row.id);
  return {
    id: row.id,
    service: row.service,
    host: row.host,
    createdAt: row.created_at,
    sizeBytes: row.size_bytes,
    files: row.files,
    verifiedAt: row.verified_at,
    pinned: row.pinned === 1,
    purpose: row.purpose,
    copies: copies.map((copy) => {
      const { verified_at: verifiedAt, ...rest } = CopyRow.parse(copy);
      return { ...rest, verifiedAt };
    }),
    lastDrill: drills.get(row.id) ?? null,
  };
}

function notFound(id: string): AutopilotError {
  return new AutopilotError('HA_NOT_FOUND', `there is no run "${id}"`, { next: 'See  homelab-autopilot runs' });
}

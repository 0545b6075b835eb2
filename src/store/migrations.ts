/** The shape of the state file, version by version. Append only: a released migration never changes. */

export const migrations: readonly string[] = [
  `
  CREATE TABLE runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    changes INTEGER NOT NULL,
    status TEXT NOT NULL,
    plan TEXT NOT NULL,
    plan_hash TEXT NOT NULL,
    input TEXT NOT NULL,
    not_before TEXT,
    requested_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    cancel_requested_at TEXT,
    reason TEXT,
    next TEXT,
    retry_of TEXT,
    schedule TEXT,
    restore_point TEXT
  ) STRICT;
  -- The lease on a service is the unfinished run itself: two changing runs cannot both be running.
  CREATE UNIQUE INDEX runs_lease ON runs (service) WHERE changes = 1 AND status = 'running';
  CREATE INDEX runs_unfinished ON runs (status, seq) WHERE status IN ('queued', 'running');
  CREATE INDEX runs_by_service ON runs (service, seq);

  CREATE TABLE steps (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    seq INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reused INTEGER NOT NULL DEFAULT 0,
    dispatched_at TEXT NOT NULL,
    started_at TEXT,
    finished_at TEXT,
    output TEXT,
    error TEXT,
    PRIMARY KEY (run, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE story (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX story_by_run ON story (run);

  CREATE TABLE restore_points (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    run TEXT NOT NULL,
    created_at TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    files INTEGER NOT NULL,
    verified_at TEXT,
    pinned INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX restore_points_by_service ON restore_points (service, created_at);

  CREATE TABLE copies (
    restore_point TEXT NOT NULL REFERENCES restore_points (id) ON DELETE CASCADE,
    destination TEXT NOT NULL,
    host TEXT NOT NULL,
    status TEXT NOT NULL,
    verified_at TEXT,
    PRIMARY KEY (restore_point, destination, host)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- The outbox: one row for each message and channel, written in the transaction of what it tells.
  CREATE TABLE notifications (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    channel TEXT NOT NULL,
    event TEXT NOT NULL,
    service TEXT,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    ended_at TEXT,
    detail TEXT,
    UNIQUE (id, channel)
  ) STRICT;
  CREATE INDEX notifications_open ON notifications (channel, status, seq) WHERE status IN ('waiting', 'quiet');
  CREATE INDEX notifications_recent ON notifications (event, service, channel, seq);

  -- What is known of a channel that does not take messages.
  CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    failures INTEGER NOT NULL DEFAULT 0,
    next_try_at TEXT,
    asked INTEGER NOT NULL DEFAULT 0,
    locked_at TEXT,
    reason TEXT
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Not every set is a backup: some hold what a rollback replaced.
  ALTER TABLE restore_points ADD COLUMN purpose TEXT NOT NULL DEFAULT 'backup';
  `,
  `
  -- What people have decided of versions. An empty image means every image of the service.
  CREATE TABLE version_decisions (
    service TEXT NOT NULL,
    image TEXT NOT NULL,
    decision TEXT NOT NULL,
    version TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    PRIMARY KEY (service, image, decision, version)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What is known of each schedule of the configuration, and up to which slot the ledger is complete.
  CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    rules TEXT NOT NULL,
    accounted_to TEXT NOT NULL,
    paused_at TEXT
  ) STRICT, WITHOUT ROWID;

  -- The ledger: one row for each slot, written with the run that it asked for.
  CREATE TABLE fires (
    schedule TEXT NOT NULL,
    slot TEXT NOT NULL,
    workflow TEXT NOT NULL,
    service TEXT NOT NULL,
    due_at TEXT NOT NULL,
    disposition TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    run TEXT,
    late_ms INTEGER,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (schedule, slot)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX fires_by_slot ON fires (slot);
  `,
  `
  -- Whose ends a run waits for before it begins. The runs of the second column may never come to be.
  CREATE TABLE run_order (
    run TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (run, after)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Restore drills that have proven something; one row for each run that came to its end.
  CREATE TABLE drills (
    run TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    restore_point TEXT NOT NULL,
    destination TEXT NOT NULL,
    proven_at TEXT NOT NULL,
    recovery_ms INTEGER NOT NULL,
    data_age_ms INTEGER NOT NULL,
    started INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX drills_by_service ON drills (service, proven_at);
  CREATE INDEX drills_by_restore_point ON drills (restore_point, proven_at);
  `,
  `
  -- What each check found last, and how often in a row.
  CREATE TABLE check_states (key TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- Instants of monitoring are milliseconds.
  CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    cause TEXT NOT NULL,
    root TEXT,
    run TEXT,
    told_at INTEGER,
    reminders INTEGER NOT NULL,
    hold_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX incidents_open ON incidents (subject) WHERE ended_at IS NULL;
  CREATE INDEX incidents_by_start ON incidents (started_at);

  -- Times and answers by the hour (span 0) and by the day (span 1), in UTC; their place counts from 1970.
  CREATE TABLE health_keys (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE health (
    key INTEGER NOT NULL,
    span INTEGER NOT NULL,
    place INTEGER NOT NULL,
    up_ms INTEGER NOT NULL,
    down_ms INTEGER NOT NULL,
    planned_ms INTEGER NOT NULL,
    answers INTEGER NOT NULL,
    bad INTEGER NOT NULL,
    took BLOB,
    PRIMARY KEY (key, span, place)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX runs_changed ON runs (finished_at) WHERE changes = 1 AND started_at IS NOT NULL;
  `,
  `
  -- When we stopped restarting what was down, and called a person.
  ALTER TABLE incidents ADD COLUMN gave_up_at INTEGER;
  `,
  `
  -- A run may prove two things: a set of files, and a backup of the guest as a whole.
  CREATE TABLE proofs (
    run TEXT NOT NULL,
    of TEXT NOT NULL,
    service TEXT NOT NULL,
    restore_point TEXT NOT NULL,
    destination TEXT NOT NULL,
    proven_at TEXT NOT NULL,
    recovery_ms INTEGER NOT NULL,
    data_age_ms INTEGER NOT NULL,
    started INTEGER NOT NULL,
    PRIMARY KEY (run, of)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO proofs
    SELECT run, 'set', service, restore_point, destination, proven_at, recovery_ms, data_age_ms, started FROM drills;
  DROP TABLE drills;
  ALTER TABLE proofs RENAME TO drills;
  CREATE INDEX drills_by_service ON drills (service, of, proven_at);
  CREATE INDEX drills_by_restore_point ON drills (restore_point, proven_at);
  `,
];

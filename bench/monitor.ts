/** What monitoring costs: the part of a core that 250 checks a minute take, and the room that a year of them takes. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startCheckRunner } from '#app/check-runner.ts';
import { SILENT_VOICE } from '#app/voice.ts';
import type { Metric } from '#bench/metric.ts';
import { createCatalog } from '#host/catalog.ts';
import { createChecker } from '#host/checker.ts';
import { Processes } from '#host/exec.ts';
import { createMasker } from '#host/mask.ts';
import type { JsonObject } from '#kernel/json.ts';
import { advance } from '#monitor/advance.ts';
import type { Check } from '#monitor/check.ts';
import { openGraph } from '#monitor/graph.ts';
import type { Delta } from '#monitor/world.ts';
import { NOTHING_KNOWN } from '#monitor/world.ts';
import type { Redis } from '#queue/connection.ts';
import { connectRedis } from '#queue/connection.ts';
import { readFindings, sendFindings } from '#queue/findings.ts';
import { openDatabase } from '#store/database.ts';
import { createHealth } from '#store/health.ts';
import { startRedis } from '#test/support/redis.ts';

const CHECKS = 250;

/** The first round is made sooner than the others (milliseconds). */
const SETTLE_MS = 16_000;
const MEASURED_MS = 60_000;

/** Different response times of one hour. */
const ANSWERS = 12;
const NO_TIME = { upMs: 0, downMs: 0, plannedMs: 0, count: 0, bad: 0 };

const HOUR_MS = 3_600_000;
const DAYS = 365;
const HOURLY_DAYS = 32;

/** What the issue allows: a twentieth of a core, 200 MB. */
const ALLOWED_PERCENT = 5;
const ALLOWED_MB = 200;

export async function benchMonitor(): Promise<Metric[]> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const idle = await share([], join(dir, 'idle'));
    const all = await share(mixed, join(dir, 'all'));
    const megabytes = await yearOf(join(dir, 'year'));
    return [
      metric(`${CHECKS} checks at 60 s: worker, controller and commands, of one core`, all, '%', ALLOWED_PERCENT),
      metric('the same without any check', idle, '%', ALLOWED_PERCENT),
      metric(`a year of ${CHECKS} checks in SQLite`, megabytes, 'MB', ALLOWED_MB),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function metric(name: string, value: number, unit: string, baseline: number): Metric {
  return { name, value, unit, baseline, ratio: baseline / value };
}

/** As a homelab asks: mostly http, some tcp, some processes and commands. */
function mixed(i: number, port: number): JsonObject {
  if (i % 10 < 6) return { type: 'http', url: `http://127.0.0.1:${port}/${i}`, timeout: '10s' };
  if (i % 10 < 8) return { type: 'tcp', host: '127.0.0.1', port, timeout: '10s' };
  if (i % 10 < 9) return { type: 'process', match: 'node', timeout: '10s' };
  return { type: 'command', command: ['true'], timeout: '10s' };
}

function checkOf(i: number, probe: JsonObject): Check {
  return {
    id: `service-${i}/probe`,
    subject: `service:service-${i}`,
    host: 'here',
    ask: { kind: 'probe', probe },
    intervalMs: 60_000,
    timeoutMs: 10_000,
    failureThreshold: 3,
    successThreshold: 2,
  };
}

/** Percent of one core: this process, which is worker and controller at once, and the commands that it starts. */
async function share(probes: readonly never[] | typeof mixed, stateDir: string): Promise<number> {
  const server = createServer((_request, response) => response.end('here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using redisServer = await startRedis();
  const redis = connectRedis({ url: redisServer.url }, 'worker');
  const reader = connectRedis({ url: redisServer.url }, 'worker');
  await using processes = new Processes({ priority: { nice: 10, ionice: 'idle' } });
  const checker = createChecker(
    {
      catalog: createCatalog([]),
      processes,
      masker: createMasker(),
      host: 'here',
      stateDir,
      now: () => new Date(),
      secret: async () => '',
    },
    SILENT_VOICE,
  );
  const checks =
    typeof probes === 'function' ? Array.from({ length: CHECKS }, (_, i) => checkOf(i, probes(i, port))) : [];
  await using runner = startCheckRunner({ check: checker, send: (findings) => sendFindings(redis, findings) });
  runner.take(checks);
  const stopping = new AbortController();
  const controlling = control(reader, { checks, stateDir, signal: stopping.signal });
  await pause(SETTLE_MS);
  const before = await spentMs();
  const started = performance.now();
  await pause(MEASURED_MS);
  const spent = (await spentMs()) - before;
  const wallMs = performance.now() - started;
  stopping.abort();
  reader.disconnect();
  await controlling.catch(() => undefined);
  redis.disconnect();
  server.closeAllConnections();
  server.close();
  return (spent / wallMs) * 100;
}

/** Takes up what comes, and writes it, as the controller does. */
async function control(
  reader: Redis,
  { checks, stateDir, signal }: { checks: readonly Check[]; stateDir: string; signal: AbortSignal },
): Promise<void> {
  using db = openDatabase(join(stateDir, 'state.db'));
  const health = createHealth(db);
  const around = {
    checks: new Map(checks.map((check) => [check.id, check])),
    graph: openGraph([]),
    hostAwayMs: () => null,
    hostPatienceMs: 180_000,
    reminderMs: null,
  };
  let world = NOTHING_KNOWN;
  let cursor = '0-0';
  while (!signal.aborted) {
    const batch = await readFindings(reader, cursor);
    const now = Date.now();
    const step = advance(world, batch.results, { ...around, now, runs: health.ownRuns(now - HOUR_MS) });
    health.save(step, batch.cursor, () => undefined);
    ({ world } = step);
    ({ cursor } = batch);
  }
}

/** Of this process and of its children that have ended, in milliseconds; Linux counts in hundredths of a second. */
async function spentMs(): Promise<number> {
  const status = await readFile('/proc/self/stat', 'utf8');
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).map(Number);
  return ticks.reduce((sum, one) => sum + one, 0) * 10;
}

/** Megabytes of a state file with the hours and days that are kept, each with response times as they vary. */
async function yearOf(stateDir: string): Promise<number> {
  const file = join(stateDir, 'state.db');
  using db = openDatabase(file);
  const empty = (await stat(file)).size;
  const health = createHealth(db);
  const now = Date.now();
  for (let day = DAYS; day >= 0; day--) {
    const hours = day <= HOURLY_DAYS ? 24 : 1;
    for (let hour = 0; hour < hours; hour++) {
      const deltas = answersOf(now - day * 24 * HOUR_MS - hour * HOUR_MS);
      health.save(
        { world: NOTHING_KNOWN, touched: [], incidents: [], told: [], mendable: [], deltas },
        null,
        () => undefined,
      );
    }
    if (day % 30 === 0) health.prune(now);
  }
  health.prune(now);
  db.sql('PRAGMA wal_checkpoint(TRUNCATE)').all();
  return ((await stat(file)).size - empty) / 1_000_000;
}

/** Each check and each service once, with a spread of response times of a noisy network. */
function answersOf(at: number): Delta[] {
  return Array.from({ length: CHECKS }, (_, i) => i).flatMap((i) => {
    const times = { at, upMs: HOUR_MS - 120_000, downMs: 60_000, plannedMs: 60_000, count: 60, bad: 1 };
    const took = Array.from({ length: ANSWERS }, (_unused, n): Delta => {
      const tookMs = 5 * 2 ** (((i * 7 + n * 13) % 40) / 8);
      return { ...times, key: `service-${i}/http-abcd`, tookMs, ...(n === 0 ? {} : NO_TIME) };
    });
    return [...took, { ...times, key: `service:service-${i}`, tookMs: null }];
  });
}

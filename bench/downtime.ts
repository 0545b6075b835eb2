/** How long a Compose service is away during its backup, as its users see it, beside a script that stops it and packs. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Metric } from '#bench/metric.ts';
import { median } from '#bench/metric.ts';
import { generateTree } from '#bench/support/tree.ts';
import { IMAGE, startDocker, type TestEngine } from '#test/support/docker.ts';
import { startHomelab, type TestHomelab } from '#test/support/homelab.ts';
import { freePort } from '#test/support/redis.ts';

/** Runs are interleaved, so that what else the machine does meets all of them alike. */
const ROUNDS = 3;

/** How often a user asks. */
const ASK_EVERY_MS = 10;
const ANSWER_MS = 1_000;
/** A service that is away for so long does not come back. */
const LONGEST_MS = 600_000;

const HOMELAB = `version: 1
global: { name: bench, host: here, state_dir: DIR/state, log_dir: DIR/log }
destinations: { usb: { type: local, path: DIR/usb } }
services:
  - name: site
    type: docker-compose
    path: ./site
    socket: SOCKET
    backup: { destinations: [usb], retention: { keep_last: 1, min_keep: 1 }, quiesce: { stop: [web] } }
`;

const PROJECT = `version: "2.4"
services:
  web:
    image: "${IMAGE}"
    network_mode: host
    init: true
    restart: unless-stopped
    stop_grace_period: 1s
    command: [busybox, httpd, -f, -p, "127.0.0.1:PORT", -h, /tmp]
    volumes: ["files:/data"]
volumes: { files: }
`;

interface Site {
  engine: TestEngine;
  lab: TestHomelab;
  url: string;
  /** The directory of its volume. */
  data: string;
}

export async function benchDowntime({ sizeBytes }: { sizeBytes: number }): Promise<Metric[]> {
  await using engine = await startDocker();
  await using lab = await startHomelab(HOMELAB.replace('SOCKET', engine.socket));
  const port = await freePort();
  await lab.write('site/compose.yaml', PROJECT.replace('PORT', String(port)));
  await engine.compose(join(lab.dir, 'site'), 'up', '-d');
  const data = await engine.docker('volume', 'inspect', '-f', '{{.Mountpoint}}', 'site_files');
  generateTree(join(data, 'tree'), sizeBytes);
  await lab.start(['up', '--port', '0']);
  // Awaited here, while the engine and the homelab are still there.
  return await measure({ engine, lab, data, url: `http://127.0.0.1:${port}/` });
}

async function measure(site: Site): Promise<Metric[]> {
  const ours: Backup[] = [];
  const scripted: number[] = [];
  const read: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await pipe('sync');
    ours.push(await backup(site));
    await pipe('sync');
    scripted.push(await awayDuring(site, () => script(site)));
    read.push(await seconds(() => pipe(`tar -C ${site.data} -cf - . | cat > /dev/null`)));
  }
  const outage = median(ours.map(({ awayS }) => awayS));
  const beside = (name: string, baseline: number): Metric => ({
    name: `away during a backup, beside ${name}`,
    value: outage,
    unit: 's',
    baseline,
    ratio: baseline / outage,
  });
  const told = median(ours.map(({ toldS }) => toldS));
  return [
    beside('stop; tar | zstd -3; start', median(scripted)),
    beside('reading it with tar alone', median(read)),
    beside('the whole run', median(ours.map(({ tookS }) => tookS))),
    {
      name: 'away as the run tells it, beside what users saw',
      value: told,
      unit: 's',
      baseline: outage,
      ratio: told / outage,
    },
  ];
}

interface Backup {
  awayS: number;
  /** As the run tells it. */
  toldS: number;
  tookS: number;
}

async function backup(site: Site): Promise<Backup> {
  let told = Number.NaN;
  let took = Number.NaN;
  const awayS = await awayDuring(site, async () => {
    const run = await site.lab.backup('site');
    if (run.status !== 'succeeded') throw new Error(`the backup ended as ${run.status}: ${run.reason}`);
    told = (run.outageMs ?? Number.NaN) / 1_000;
    took = (Date.parse(run.finishedAt ?? '') - Date.parse(run.startedAt ?? '')) / 1_000;
  });
  return { awayS, toldS: told, tookS: took };
}

/** What many a homelab has in its crontab. */
async function script({ engine, lab, data }: Site): Promise<void> {
  const id = await engine.docker('ps', '-q');
  const packed = join(lab.dir, 'packed.tar.zst');
  await engine.docker('stop', id);
  await pipe(`tar -C ${data} -cf - . | zstd -q -3 -T0 -o ${packed}`);
  await engine.docker('start', id);
  await rm(packed);
}

/** Tells how many seconds users were without an answer: from the last good one before to the first good one after. */
async function awayDuring({ url }: Site, work: () => Promise<void>): Promise<number> {
  const done = new AbortController();
  const asking = ask(url, done.signal);
  try {
    await work();
  } finally {
    done.abort();
  }
  return asking;
}

async function ask(url: string, signal: AbortSignal): Promise<number> {
  let away = 0;
  let good = performance.now();
  let missed = false;
  while (!signal.aborted || missed) {
    const answered = await answers(url);
    const now = performance.now();
    if (answered) {
      if (missed) away += now - good;
      good = now;
    }
    missed = !answered;
    if (now - good > LONGEST_MS) throw new Error(`${url} does not come back`);
    await sleep(ASK_EVERY_MS);
  }
  return away / 1_000;
}

/** A page that is not there is an answer. */
async function answers(url: string): Promise<boolean> {
  const request = get(url, { agent: false, timeout: ANSWER_MS }, (response) => response.resume());
  request.on('timeout', () => request.destroy());
  return once(request, 'response').then(
    () => true,
    () => false,
  );
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}

/** Not in this process, which goes on asking meanwhile. */
async function pipe(command: string): Promise<void> {
  await promisify(execFile)('sh', ['-c', command]);
}

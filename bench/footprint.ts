/** What the whole stack costs while it waits: memory, time until it is ready, time of `--help`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Metric } from '#bench/metric.ts';
import { median } from '#bench/metric.ts';

const BIN = fileURLToPath(new URL('../bin/homelab-autopilot', import.meta.url));
const REPEATS = 5;

/** How long the stack is left alone before its memory is read (milliseconds). */
const SETTLE_MS = 5_000;

export async function benchFootprint(): Promise<Metric[]> {
  const bare = await repeated(() => timeOf([process.execPath, '-e', '0']));
  const help = await repeated(() => timeOf([BIN, '--help']));
  const dir = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const file = await writeConfig(dir);
    const starts: number[] = [];
    let memory = { rss: 0, pss: 0, node: 0 };
    for (let time = 0; time < REPEATS; time++) {
      const up = await startUp(file);
      starts.push(up.readyMs);
      if (time === REPEATS - 1) {
        await pause(SETTLE_MS);
        memory = await memoryOf(up.pid);
      }
      await up.stop();
    }
    const ready = median(starts);
    return [
      { name: '--help, beside bare node', value: help, unit: 'ms', baseline: bare, ratio: bare / help },
      { name: 'up until ready, beside bare node', value: ready, unit: 'ms', baseline: bare, ratio: bare / ready },
      metric('idle stack, resident, beside one bare node', memory.rss, memory.node),
      metric('idle stack, shared pages counted once, beside one bare node', memory.pss, memory.node),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function metric(name: string, value: number, baseline: number): Metric {
  return { name, value, unit: 'MB', baseline, ratio: baseline / value };
}

async function writeConfig(dir: string): Promise<string> {
  const file = join(dir, 'homelab-autopilot.yaml');
  const text = `version: 1
global: { name: bench, host: here, state_dir: ./state, log_dir: ./log }
destinations: { usb: { type: local, path: ./usb } }
services:
  - name: notes
    type: generic
    backup: { paths: [${dir}/data], destinations: [usb], schedule: "0 3 * * *" }
`;
  await writeFile(file, text);
  return file;
}

async function repeated(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let time = 0; time < REPEATS; time++) times.push(await measure());
  return median(times);
}

async function timeOf([program = '', ...words]: string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, words, { stdio: 'ignore' });
  await once(child, 'exit');
  return performance.now() - started;
}

async function startUp(config: string): Promise<{ pid: number; readyMs: number; stop(): Promise<void> }> {
  const started = performance.now();
  const child = spawn(BIN, ['--config', config, 'up', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('ready')) break;
  const readyMs = performance.now() - started;
  return {
    pid: child.pid ?? 0,
    readyMs,
    async stop() {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}

/** Of a process and all of its descendants, and of a bare Node for comparison; in MB. */
async function memoryOf(pid: number): Promise<{ rss: number; pss: number; node: number }> {
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await pause(500);
  const node = await rollup(bare.pid ?? 0, 'Rss');
  bare.kill('SIGKILL');
  const family = [pid, ...(await descendants(pid))];
  const sum = async (what: 'Rss' | 'Pss') => {
    let total = 0;
    for (const member of family) total += await rollup(member, what);
    return total;
  };
  return { rss: await sum('Rss'), pss: await sum('Pss'), node };
}

async function descendants(pid: number): Promise<number[]> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const children: number[] = [];
  for (const number of numbers) {
    const status = await readFile(`/proc/${number}/status`, 'utf8').catch(() => '');
    if (new RegExp(`^PPid:\\s+${pid}$`, 'm').test(status)) children.push(number, ...(await descendants(number)));
  }
  return children;
}

async function rollup(pid: number, what: 'Rss' | 'Pss'): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024;
}

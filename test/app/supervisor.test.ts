/** The supervisor: what dies is started again, what is stopped leaves nothing behind. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { ProcessSpec } from '#app/supervisor.ts';
import { supervise } from '#app/supervisor.ts';
import { eventually } from '#test/support/wait.ts';

const quiet = { onDeath: () => {}, onRestart: () => {} };

/** A process that says when it ends, and ends on SIGTERM unless it is stubborn. */
function spec(name: string, seen: string[], options: { stubborn?: boolean; graceMs?: number } = {}): ProcessSpec {
  const script = options.stubborn === true ? 'process.on("SIGTERM", () => {});' : '';
  return {
    name,
    graceMs: options.graceMs ?? 5_000,
    async start() {
      const child = spawn(process.execPath, [
        '-e',
        `${script} process.stdout.write("up"); setInterval(() => {}, 1000)`,
      ]);
      await once(child.stdout, 'data');
      seen.push(`${name} up`);
      child.once('exit', () => seen.push(`${name} down`));
      return child;
    },
  };
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('processes start in order and stop in reverse order', async () => {
  const seen: string[] = [];

  const supervised = await supervise([spec('redis', seen), spec('controller', seen)], quiet);
  await supervised[Symbol.asyncDispose]();

  expect(seen).toEqual(['redis up', 'controller up', 'controller down', 'redis down']);
});

test('a process that was killed is started again, and the owner is told how it died', async () => {
  const seen: string[] = [];
  const deaths: string[] = [];
  await using supervised = await supervise([spec('worker', seen)], {
    onDeath: ({ name, how }) => deaths.push(`${name} ${how}`),
    onRestart: () => {},
  });
  const { worker: first = 0 } = supervised.pids();

  process.kill(first, 'SIGKILL');
  const second = await eventually('a new process', () => {
    const { worker = first } = supervised.pids();
    return worker !== first && alive(worker) ? worker : undefined;
  });

  expect(alive(first)).toBe(false);
  expect(second).not.toBe(first);
  expect(deaths).toEqual(['worker was killed by SIGKILL']);
});

test('a process that does not listen is killed when its time is up', async () => {
  const supervised = await supervise([spec('deaf', [], { stubborn: true, graceMs: 100 })], quiet);
  const { deaf = 0 } = supervised.pids();

  await supervised[Symbol.asyncDispose]();

  expect(alive(deaf)).toBe(false);
});

test('when one cannot start, those before it are stopped again and the reason is told', async () => {
  const seen: string[] = [];
  const broken: ProcessSpec = {
    name: 'broken',
    graceMs: 100,
    start: (): Promise<ChildProcess> => Promise.reject(new Error('no such thing')),
  };

  await expect(supervise([spec('redis', seen), broken], quiet)).rejects.toThrow('no such thing');

  expect(seen).toEqual(['redis up', 'redis down']);
});

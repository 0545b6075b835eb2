/** A machine with a GPU, as far as the engine looks: it offers `--gpus` where it finds the hook that would set one up. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The engine's own driver for GPUs looks for this program when it starts, and runs it before each such container. */
const HOOK = 'nvidia-container-runtime-hook';

/** @returns PATH for an engine that is to be started: the hook there does nothing, and the container runs without a GPU. */
export async function withGpuHook(directory: string): Promise<string> {
  const folder = join(directory, 'gpu');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, HOOK), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  return `${folder}:${process.env['PATH']}`;
}

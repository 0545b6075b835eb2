/** Where an archive goes while it is captured: into its file, or through age into its file. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { encryptCommand, isFailure } from '#archive/encryption/age.ts';
import { openPipe } from '#archive/pipe.ts';
import { stagingFull } from '#archive/tar/report.ts';
import { SEALED_FILES, SET_FILES } from '#sdk/sets.ts';
import type { Tools } from '#sdk/tools.ts';

export interface Outlet extends AsyncDisposable {
  /** What tar is told to write to. */
  file: string;
  /** What tar gets as its standard output. */
  stdout: number | 'ignore';
  /** To be called once tar has it: age must see the end when tar ends. */
  handOver(): Promise<void>;
  /** When all that tar gave is in the file. */
  done: Promise<unknown>;
}

type OutletTools = Pick<Tools, 'exec' | 'spawn' | 'scratch'>;

/** @param recipients empty: nothing is encrypted. */
export async function openOutlet(
  tools: OutletTools,
  directory: string,
  recipients: readonly string[],
): Promise<Outlet> {
  if (recipients.length > 0) return await throughAge(tools, join(directory, SEALED_FILES.data), recipients);
  const nothing = async () => undefined;
  return {
    file: join(directory, SET_FILES.data),
    stdout: 'ignore',
    handOver: nothing,
    done: Promise.resolve(),
    [Symbol.asyncDispose]: nothing,
  };
}

/** From tar's compressor to age to the disk: nothing passes through us, and nothing is written that is not encrypted. */
async function throughAge(tools: OutletTools, path: string, recipients: readonly string[]): Promise<Outlet> {
  const { reader, writer } = await openPipe(tools);
  let handed = false;
  const handOver = async () => {
    if (!handed) await writer.close();
    handed = true;
  };
  try {
    await using target = await open(path, 'w', 0o600);
    const child = tools.spawn(encryptCommand(recipients), { stdin: reader.fd, stdout: target.fd });
    const done = child.done.catch((error: unknown) => {
      const full = isFailure(error) && /no space left on device|disk quota exceeded/i.test(error.message);
      throw full ? stagingFull(error) : error;
    });
    done.catch(() => undefined);
    return {
      file: '-',
      stdout: writer.fd,
      handOver,
      done,
      async [Symbol.asyncDispose]() {
        await handOver();
        child.kill();
        await done.catch(() => undefined);
      },
    };
  } catch (error) {
    await handOver();
    throw error;
  } finally {
    await reader.close();
  }
}

/** Prints what a file of a set holds: decrypted, where it is encrypted, and decompressed. */
import { decrypting, isFailure } from '#archive/encryption/age.ts';
import { openPipe } from '#archive/pipe.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

export interface Packed {
  path: string;
  /** What opens it; null when it is not encrypted. */
  identity: string | null;
  /** zstd's `--check` or `--no-check`. */
  check?: '--check' | '--no-check';
}

export interface Unpacking {
  /** Fails as the command does that is the reason. */
  done: Promise<void>;
  kill(): void;
}

export async function unpacking(
  tools: Pick<Tools, 'exec' | 'spawn' | 'scratch'>,
  { path, identity, check = '--check' }: Packed,
  stdout: number,
): Promise<Unpacking> {
  const zstd = (from: string): Argv => ['zstd', '--decompress', '--stdout', '--quiet', check, from];
  if (identity === null) {
    const child = tools.spawn(zstd(path), { stdout });
    return { done: child.done.then(() => undefined), kill: child.kill };
  }
  const { reader, writer } = await openPipe(tools);
  try {
    const age = decrypting(tools, { path, identity }, writer.fd);
    const child = tools.spawn(zstd('-'), { stdin: reader.fd, stdout });
    const kill = () => {
      age.kill();
      child.kill();
    };
    return { done: both(age.done, child.done), kill };
  } finally {
    await writer.close();
    await reader.close();
  }
}

/** What age gives up on, zstd sees as a file that ends too early; and an age that nobody listens to is not at fault. */
async function both(first: Promise<unknown>, second: Promise<unknown>): Promise<void> {
  const [opened, unpacked] = await Promise.allSettled([first, second]);
  if (opened.status === 'rejected' && !isUnheard(opened.reason)) throw opened.reason;
  if (unpacked.status === 'rejected') throw unpacked.reason;
  if (opened.status === 'rejected') throw opened.reason;
}

function isUnheard(error: unknown): boolean {
  return isFailure(error) && /SIGPIPE|broken pipe/i.test(error.message);
}

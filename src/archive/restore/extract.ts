/** Unpacks a set with tar while every member is checked against the index before tar may act on it. */
import type { Writable } from 'node:stream';
import { readData } from '#archive/data.ts';
import type { ReadableSet } from '#archive/encryption/readable.ts';
import type { IndexLine } from '#archive/index-line.ts';
import { difference, indexedMember } from '#archive/index-line.ts';
import { readIndex } from '#archive/manifest.ts';
import { type RawPath, rawLabel } from '#archive/raw.ts';
import { createGuard } from '#archive/restore/guard.ts';
import type { RestorePlan } from '#archive/restore/plan.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import type { TarMember } from '#archive/tar/header.ts';
import type { TarBatch } from '#archive/tar/reader.ts';
import { AutopilotError } from '#kernel/errors.ts';
import type { Argv, Tools } from '#sdk/tools.ts';

/** The end mark of an archive. */
const END = Buffer.alloc(1024);

export interface Extraction {
  set: ReadableSet;
  /** Where tar unpacks. */
  view: string;
  roots: readonly RawPath[];
  plan: RestorePlan;
}

/** Fails with HA_SET_CORRUPT or HA_SET_UNSAFE; what was unpacked by then is no use and must be removed. */
export async function extract(tools: Tools, extraction: Extraction): Promise<void> {
  const child = tools.spawn(tarCommand(extraction.view), { stdin: 'pipe', env: { LC_ALL: 'C' } });
  let failure: unknown;
  const ended = child.done.catch((error: unknown) => {
    failure = error;
  });
  try {
    if (child.stdin !== null) await feedChecked(tools, extraction, child.stdin);
    child.stdin?.end();
    await ended;
    if (failure !== undefined) throw failure;
  } catch (error) {
    child.kill();
    await ended;
    tools.signal.throwIfAborted();
    throw unpackError(error);
  }
}

function tarCommand(view: string): Argv {
  const asRoot = process.getuid?.() === 0;
  return [
    'tar',
    '--extract',
    '--file=-',
    `--directory=${view}`,
    '--preserve-permissions',
    '--numeric-owner',
    asRoot ? '--same-owner' : '--no-same-owner',
    '--xattrs',
    // Attributes of the system (capabilities, say) can only be set by the superuser.
    ...(asRoot ? ['--xattrs-include=*'] : []),
    '--acls',
    '--delay-directory-restore',
    '--keep-directory-symlink',
    '--quoting-style=escape',
    '--blocking-factor=128',
  ];
}

async function feedChecked(tools: Tools, { set, roots, plan }: Extraction, stdin: Writable): Promise<void> {
  const index = readIndex(set.facts);
  const guard = createGuard(roots);
  const open: TarMember[] = [];
  const done = { files: 0, bytes: 0 };
  try {
    for await (const batch of readData(tools, set, { wantSpans: plan.needed !== null })) {
      for (const member of batch.started) {
        guard(member);
        open.push(await expectedFor(member, index));
      }
      for (const member of batch.finished) {
        checkFinished(member, open.shift());
        if (member.type !== 'directory') done.files += 1;
        done.bytes += member.size;
      }
      await write(stdin, wantedBytes(batch, plan.needed));
      tools.progress({ ...done, totalFiles: plan.files, totalBytes: plan.bytes });
    }
    const rest = await index.next();
    if (rest.done !== true) throw corrupt(`the archive does not hold /${rest.value.path}`);
    if (plan.needed !== null) await write(stdin, END);
  } finally {
    await index.return();
  }
}

/** Name, type and link must be what the index says before tar hears of the member. */
async function expectedFor(member: TarMember, index: AsyncGenerator<IndexLine>): Promise<TarMember> {
  const next = await index.next();
  const expected = next.done === true ? undefined : indexedMember(next.value);
  if (expected?.name !== member.name) throw corrupt(`the index does not list /${rawLabel(member.name)} at its place`);
  const reason = difference({ ...member, sha256: expected.sha256 }, expected);
  if (reason !== undefined) throw corrupt(`/${rawLabel(member.name)} is damaged: ${reason}`);
  return expected;
}

function checkFinished(member: TarMember, expected: TarMember | undefined): void {
  const reason = expected === undefined ? 'it is not expected' : difference(member, expected);
  if (reason !== undefined) throw corrupt(`/${rawLabel(member.name)} is damaged: ${reason}`);
}

function wantedBytes({ chunk, spans }: TarBatch, needed: ReadonlySet<RawPath> | null): Buffer {
  if (needed === null) return chunk;
  return Buffer.concat(spans.filter(({ member }) => needed.has(member.name)).map(({ bytes }) => bytes));
}

/** Ends when tar has taken the bytes, for their memory is used again. When tar is gone, its exit tells why. */
async function write(stdin: Writable, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || stdin.destroyed) return;
  await new Promise<void>((resolve) => {
    stdin.write(bytes, () => resolve());
  });
}

function unpackError(error: unknown): unknown {
  if (!(error instanceof AutopilotError) || error.code !== 'HA_COMMAND_FAILED') return error;
  const full = /No space left on device|Disk quota exceeded/.test(error.message);
  if (!full) return error;
  return new AutopilotError('HA_NO_SPACE', 'the file system that is restored to is full; nothing was changed', {
    cause: error,
    next: 'free some room there, or restore to another place with --to',
  });
}

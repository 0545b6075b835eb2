/** Collects what tar says during a capture and decides what it means for the set. */

import type { RawPath } from '#archive/raw.ts';
import { rawLabel } from '#archive/raw.ts';
import type { ResolvedSource } from '#archive/sources.ts';
import { readTarMessage, unescapeName } from '#archive/tar/messages.ts';
import { AutopilotError } from '#kernel/errors.ts';

export interface TarReport {
  /** Takes one line of tar's standard error. True when the capture cannot succeed any more. */
  line(line: string): boolean;
  /** The error that these messages amount to, if they do. */
  failure(): AutopilotError | undefined;
  /** Names that were gone when tar came for them, and the length of the archive. */
  result(): { vanished: RawPath[]; bytes: number };
  warnings(): string[];
}

const NAMED = 10;

export function tarReport(sources: readonly ResolvedSource[], onProgress: (records: number) => void): TarReport {
  const vanished: RawPath[] = [];
  const warnings: string[] = [];
  const unreadable: string[] = [];
  const others: string[] = [];
  let noSpace = false;
  let bytes = 0;

  return {
    line(line) {
      const message = readTarMessage(line);
      if (message.kind === 'progress') onProgress(message.records);
      else if (message.kind === 'total') bytes = message.bytes;
      else if (message.kind === 'no-space') noSpace = true;
      else if (message.kind === 'other') others.push(message.text);
      else if (message.kind === 'unreadable') unreadable.push(`/${message.name} (${message.text})`);
      else if (message.kind === 'warning') warnings.push(`/${message.name}: ${message.text}`);
      else if (message.kind === 'vanished') {
        vanished.push(unescapeName(message.name) as RawPath);
        warnings.push(`/${message.name} vanished while it was read`);
      }
      return noSpace || unreadable.length > 0;
    },
    failure() {
      const gone = sources.find(({ root }) => vanished.includes(root));
      if (noSpace) return stagingFull();
      if (unreadable.length > 0) return unreadableFiles(unreadable);
      if (gone !== undefined) return new AutopilotError('HA_SOURCE_MISSING', `${gone.path} vanished while it was read`);
      if (others.length > 0)
        return new AutopilotError('HA_COMMAND_FAILED', `tar failed: ${others.slice(0, 3).join('; ')}`);
      return undefined;
    },
    result: () => ({ vanished, bytes }),
    warnings: () => warnings,
  };
}

export function unreadableFiles(paths: readonly string[]): AutopilotError {
  const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '';
  return new AutopilotError('HA_SOURCE_UNREADABLE', `cannot read ${paths.slice(0, NAMED).join(', ')}${more}`, {
    next: 'run as a user who may read them, or exclude them under backup.exclude',
  });
}

export function vanishedDirectory(name: RawPath): string {
  return `/${rawLabel(name)} vanished while it was read`;
}

export function stagingFull(cause?: unknown): AutopilotError {
  return new AutopilotError('HA_NO_SPACE', 'the staging directory is full', {
    cause,
    next: 'free some room there, or move global.state_dir to a larger file system',
  });
}

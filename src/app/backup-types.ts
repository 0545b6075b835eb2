/** What is told of restore points by those who look at the destinations themselves. */
import type { RestorePointView } from '#engine/requests.ts';
import type { ErrorFacts } from '#kernel/errors.ts';
import type { Release } from '#sdk/kinds/service.ts';
import type { Progress } from '#sdk/tools.ts';

export interface BackupsOptions {
  /** Look at this destination alone, and not at the state file: its name, or the path of one that no file names. */
  destination?: string;
  /** A file with the identity that opens encrypted sets, instead of what the configuration names. */
  identity?: string;
  signal: AbortSignal;
}

/** A destination that could not be listed, or something in it that could not be read. */
export interface Trouble {
  destination: string;
  message: string;
}

export interface Listing {
  /** Newest first. */
  restorePoints: RestorePointView[];
  troubles: Trouble[];
}

export interface BackupDetail extends RestorePointView {
  run: string;
  /** The trees in it, as configured. */
  sources: string[];
  /** Content of the files before compression. */
  contentBytes: number;
  warnings: string[];
  /** What ran when it was made; null when the service's plugin cannot tell. */
  release: Release | null;
  /** Null when it is not encrypted. Locked: why it cannot be told what is in it, and what to do about it. */
  encryption: { recipients: string[]; locked: ErrorFacts | null } | null;
}

export interface CopyCheck {
  destination: string;
  host: string;
  /** `unreadable`: it should be within reach, but could not be read. `not checked`: it lies on another host. */
  status: 'verified' | 'damaged' | 'unreadable' | 'not checked';
  detail: string;
}

export interface SetFile {
  /** Absolute. */
  path: string;
  type: string;
  size: number;
  mode: string;
  owner: string;
  group: string;
  modifiedAt: string;
  link: string | null;
}

export interface RestoreWish {
  /** Null: where the files came from. */
  to: string | null;
  /** Globs; empty: everything. */
  only: readonly string[];
  /** Whether files that are newer than the restore point may be overwritten. */
  overwrite: boolean;
  progress(progress: Progress): void;
}

export interface RestoreReport {
  id: string;
  service: string;
  /** The destination that it came from. */
  from: string;
  /** The trees that were written. */
  targets: string[];
  files: number;
  bytes: number;
  /** Copies that were tried before and turned out to be damaged or unreadable. */
  warnings: string[];
}

export interface PruneDecision {
  service: string;
  destination: string;
  id: string;
  createdAt: string;
  sizeBytes: number;
  keep: boolean;
  /** Why, in words: the rules that keep it, or that none does. */
  reasons: string[];
}

/** Restore points, without Redis and without the controller. `id` parameters take a full id or a unique prefix. */
export interface Backups extends AsyncDisposable {
  list(service?: string): Promise<Listing>;
  show(id: string): Promise<BackupDetail>;
  /** Reads every copy that lies within reach back. */
  verify(id: string, progress: (progress: Progress) => void): Promise<{ id: string; copies: CopyCheck[] }>;
  files(id: string, glob: string | undefined): AsyncIterable<SetFile>;
  restore(id: string, wish: RestoreWish): Promise<RestoreReport>;
  pin(id: string, pinned: boolean): Promise<RestorePointView>;
  prunePlan(service?: string): Promise<{ decisions: PruneDecision[]; troubles: Trouble[] }>;
}

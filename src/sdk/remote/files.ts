/** What a place that is not a directory of this machine must be able to do with files, to keep backup sets. */

export interface RemoteFile {
  /** Relative to the folder that was asked for, with `/` between. */
  path: string;
  bytes: number;
}

export interface PutOptions {
  /** So much of the file is there already; the rest is added. */
  from: number;
  /** Told of every piece that the other side has taken, and of what was there already. */
  onBytes: (bytes: number) => void;
}

/**
 * All paths are relative to the place's own root. A connection that is lost in mid-act ends with HA_REMOTE_UNREACHABLE:
 * whether the act happened is not known then, and whoever tries again looks first.
 */
export interface RemoteFiles {
  /** Files of a folder and, `depth` levels down, of the folders in it. Nothing when the folder is not there. */
  list(folder: string, depth: number): Promise<RemoteFile[]>;
  /** The first bytes of a file, all of it when it is shorter; undefined when it is not there. */
  head(path: string, bytes: number): Promise<Buffer | undefined>;
  /** The whole file, piece by piece. */
  read(path: string): AsyncIterable<Buffer>;
  /** Brings a file of this machine there. When it ends, the other side has it, as safely as it can be asked to. */
  put(local: string, path: string, options: PutOptions): Promise<void>;
  /** Whole or not at all, as far as the place can do that. */
  write(path: string, text: string): Promise<void>;
  /** With the folders above it, but never the root of the place. No error when it is there. */
  makeFolder(path: string): Promise<void>;
  /** No error when it is not there. */
  remove(path: string): Promise<void>;
  /** Removes an empty folder. @returns whether it is gone; not, when it holds something. */
  removeFolder(path: string): Promise<boolean>;
  /** Moves a whole folder in one act. Left out where that is many acts: sets are committed by their manifest there. */
  rename?: (from: string, to: string) => Promise<void>;
  /** SHA-256 of the files of a folder as the server tells them, when the user trusts it with that. */
  serverSums?: (folder: string) => Promise<Map<string, string>>;
  /** A local path of the file, where it has one and reading it cannot hang: it need not be fetched then. */
  localPath?: (path: string) => string;
}

/** What it takes to read and to verify a set. */
export type RemoteReading = Pick<RemoteFiles, 'list' | 'head' | 'read' | 'serverSums' | 'localPath'>;

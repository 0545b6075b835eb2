/** What each sort of database can do: dump itself into a file, and take a dump back. */
import type { Dump } from '#sdk/databases/dump.ts';
import type { DumpFile, Written } from '#sdk/databases/stream.ts';

/** What a dump tells of itself, besides its place in the set. */
export type Dumped = Written & Pick<Dump, 'name' | 'place' | 'server' | 'tool' | 'tables' | 'detail'>;

/** One database of one entry. */
export interface DumpJob {
  name: string;
  /** `sql`, `rdb`, `db`: how its file is called. */
  ending: string;
  dump(file: DumpFile): Promise<Dumped>;
}

export interface Engine {
  /** Fails as long as a dump could not be put back. */
  ready(): Promise<unknown>;
  /** The databases of the entry. */
  jobs(): Promise<DumpJob[]>;
  /** Puts a dump back, and looks that all of it is there. The file is decompressed by it. */
  load(dump: Dump, path: string): Promise<void>;
}

/** Lists the files of a set from its index, without touching its data. */
import { type IndexLine, indexedMember } from '#archive/index-line.ts';
import { readHeader, readIndex } from '#archive/manifest.ts';
import { rawFromText } from '#archive/raw.ts';
import { selector } from '#archive/select.ts';

/** All entries, or those that match: see `selector` for what a pattern may be. */
export async function* setFiles(directory: string, glob?: string): AsyncGenerator<IndexLine, void, undefined> {
  const { sources } = await readHeader(directory);
  const roots = sources.map(({ realPath }) => rawFromText(realPath.slice(1)));
  const selected = glob === undefined ? () => true : selector([glob], roots);
  for await (const line of readIndex(directory)) {
    if (selected(indexedMember(line))) yield line;
  }
}

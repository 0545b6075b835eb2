/** Compares what the archive holds with what was put in: every name, in order, and its type. */
import type { CapturedName } from '#archive/capture-record.ts';
import { rawLabel } from '#archive/raw.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import type { EntryType, TarMember } from '#archive/tar/header.ts';

/** A file with several names is archived once, and as links after that. */
const FITTING: Record<string, readonly EntryType[]> = {
  f: ['file', 'hardlink'],
  d: ['directory'],
  l: ['symlink', 'hardlink'],
  s: ['fifo', 'character', 'block', 'hardlink'],
};

export interface NameComparison {
  /** Takes the next member; a warning comes back when its type changed under our eyes. */
  member(member: TarMember): Promise<string | undefined>;
  /** To be called after the last member. */
  end(): Promise<void>;
}

export function compareNames(names: AsyncIterator<CapturedName>): NameComparison {
  return {
    async member(member) {
      const next = await names.next();
      if (next.done === true) throw corrupt(`the archive holds /${rawLabel(member.name)}, which was never put in`);
      const { name, letter } = next.value;
      if (name !== member.name) {
        throw corrupt(`the archive holds /${rawLabel(member.name)} where /${rawLabel(name)} was put in`);
      }
      if (FITTING[letter]?.includes(member.type) === true) return undefined;
      return `/${rawLabel(name)} became a ${member.type} while it was read`;
    },
    async end() {
      const next = await names.next();
      if (next.done !== true) throw corrupt(`the archive ends before /${rawLabel(next.value.name)}`);
    },
  };
}

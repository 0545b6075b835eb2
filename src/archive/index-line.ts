/** One entry of a set's index, as a line of JSON in the manifest and as what the archive reader gives. */
import { z } from 'zod';
import { isText, type RawPath, rawBytes, rawFromBytes, rawFromText, rawText } from '#archive/raw.ts';
import { corrupt } from '#archive/tar/corrupt.ts';
import { ENTRY_TYPES, type TarMember } from '#archive/tar/header.ts';

/** What is no UTF-8 is given in base64 besides, and then that is the true name. */
export const IndexLine = z.object({
  path: z.string().describe('Absolute, without the leading slash'),
  pathBase64: z.base64().optional(),
  type: z.enum(ENTRY_TYPES),
  mode: z.string().regex(/^[0-7]{4}$/),
  uid: z.int().nonnegative(),
  gid: z.int().nonnegative(),
  owner: z.string(),
  group: z.string(),
  size: z.int().nonnegative(),
  storedBytes: z.int().nonnegative().optional().describe('What the archive holds of a sparse file'),
  mtime: z.string(),
  link: z.string().optional().describe('Where a symlink points; for a hard link, the entry that is the same file'),
  linkBase64: z.base64().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('Of the content of a file'),
});
export type IndexLine = z.output<typeof IndexLine>;

export function formatIndexLine(member: TarMember): string {
  const line: IndexLine = {
    path: rawText(member.name),
    ...(isText(member.name) ? {} : { pathBase64: rawBytes(member.name).toString('base64') }),
    type: member.type,
    mode: member.mode.toString(8).padStart(4, '0'),
    uid: member.uid,
    gid: member.gid,
    owner: member.owner,
    group: member.group,
    size: member.size,
    ...(member.sparse ? { storedBytes: member.storedBytes } : {}),
    mtime: member.mtime,
    ...(member.link === null ? {} : { link: rawText(member.link) }),
    ...(member.link === null || isText(member.link) ? {} : { linkBase64: rawBytes(member.link).toString('base64') }),
    ...(member.sha256 === null ? {} : { sha256: member.sha256 }),
  };
  return JSON.stringify(line);
}

export function parseIndexLine(text: string): IndexLine {
  try {
    return IndexLine.parse(JSON.parse(text));
  } catch {
    throw corrupt('the index of the manifest cannot be read');
  }
}

/** The entry as the archive should hold it. */
export function indexedMember(line: IndexLine): TarMember {
  return {
    name: raw(line.path, line.pathBase64),
    type: line.type,
    mode: Number.parseInt(line.mode, 8),
    uid: line.uid,
    gid: line.gid,
    owner: line.owner,
    group: line.group,
    size: line.size,
    storedBytes: line.storedBytes ?? (line.type === 'file' ? line.size : 0),
    mtime: line.mtime,
    link: line.link === undefined ? null : raw(line.link, line.linkBase64),
    sparse: line.storedBytes !== undefined,
    sha256: line.sha256 ?? null,
  };
}

/** In what a member of the archive differs from its entry in the index; undefined when in nothing. */
export function difference(found: TarMember, expected: TarMember): string | undefined {
  if (found.sha256 !== expected.sha256) return 'its content does not match its checksum';
  const field = COMPARED.find((key) => found[key] !== expected[key]);
  return field === undefined ? undefined : `its ${field} does not match the index`;
}

const COMPARED = ['type', 'size', 'storedBytes', 'link', 'mode', 'uid', 'gid', 'mtime', 'sparse'] as const;

function raw(text: string, base64: string | undefined): RawPath {
  return base64 === undefined ? rawFromText(text) : rawFromBytes(Buffer.from(base64, 'base64'));
}

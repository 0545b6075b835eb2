/** What a backup set tells of a dump that lies in it. */
import { z } from 'zod';

/** The file of a dump: beside the data of the set, and never below or above it. */
const DUMP_FILE = /^dump-[0-9]{1,3}-[A-Za-z0-9_.-]{1,150}\.zst$/;

/** Encrypted, it does not tell the name of the database. */
const SEALED_DUMP = /^dump-[0-9]{1,3}-[a-z]{1,20}\.zst\.age$/;

export const DatabaseType = z.enum(['postgresql', 'mariadb', 'mysql', 'mongodb', 'redis', 'valkey', 'sqlite']);
export type DatabaseType = z.output<typeof DatabaseType>;

const Count = z.int().nonnegative();

export const Dump = z.object({
  file: z.string().regex(DUMP_FILE).describe('Its file in the set, compressed with zstd'),
  type: DatabaseType,
  name: z.string().describe('Name of the database; of SQLite the path of its file'),
  place: z.string().describe('Where it was: container db, 127.0.0.1:5432'),
  server: z.string().describe('Version of the server'),
  tool: z.string().describe('Version of the program that made it'),
  tables: Count.describe('Tables that the server had; of MongoDB its collections, of Redis its keys'),
  bytes: Count.describe('Before compression'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('Of what was dumped, before compression'),
  atRest: z
    .boolean()
    .describe('Whether the files of the database were captured at rest as well: then they bring it back'),
  detail: z.record(z.string(), z.string()).describe('What else it takes to restore it'),
});
export type Dump = z.output<typeof Dump>;

export function isDumpFile(name: string): boolean {
  return DUMP_FILE.test(name);
}

export function isSealedDump(name: string): boolean {
  return SEALED_DUMP.test(name);
}

/** The file of a dump in an encrypted set. */
export function sealedDump({ file, type }: Pick<Dump, 'file' | 'type'>): string {
  return `${file.split('-', 2).join('-')}-${type}.zst.age`;
}

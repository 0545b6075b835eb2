/** Where the notes are kept: rows in SQLite, attachments as files beside it, as a great many services do. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Note {
  id: string;
  text: string;
  createdAt: string;
  /** Computed from the file at the moment of asking, so a damaged or missing attachment shows. */
  attachment: { bytes: number; sha256: string } | 'missing' | null;
}

export interface NotesStore extends Disposable {
  add(text: string, attachment?: Uint8Array): Note;
  list(): Note[];
  /** Moves what stands in the write-ahead log into the database file. */
  flush(): void;
  /** What a new version with a mistake does to its owner's data. */
  migrateBadly(): void;
}

/** Opens the notes below `directory`, or begins an empty collection there. */
export function openNotes(directory: string): NotesStore {
  const files = join(directory, 'files');
  mkdirSync(files, { recursive: true });
  const database = new DatabaseSync(join(directory, 'notes.db'));
  database.exec(`
    PRAGMA busy_timeout = 5000;
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS notes (
      id TEXT PRIMARY KEY, text TEXT NOT NULL, created_at TEXT NOT NULL, attached INTEGER NOT NULL
    );
  `);

  function add(text: string, attachment?: Uint8Array): Note {
    const id = randomUUID();
    const createdAt = new Date().toISOString();
    // The file first: a row never names a file that is not there.
    if (attachment !== undefined) writeWhole(join(files, id), attachment);
    const insert = database.prepare('INSERT INTO notes VALUES (?, ?, ?, ?)');
    insert.run(id, text, createdAt, attachment === undefined ? 0 : 1);
    return { id, text, createdAt, attachment: attachment === undefined ? null : describe(join(files, id)) };
  }

  function list(): Note[] {
    const rows = database.prepare('SELECT id, text, created_at, attached FROM notes ORDER BY created_at, id').all();
    return rows.map((row) => ({
      id: String(row['id']),
      text: String(row['text']),
      createdAt: String(row['created_at']),
      attachment: row['attached'] === 0 ? null : describe(join(files, String(row['id']))),
    }));
  }

  function flush(): void {
    const outcome = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    if (outcome?.['busy'] !== 0) throw new Error('the database is busy: not everything could be flushed');
  }

  const migrateBadly = () => database.exec('DELETE FROM notes WHERE rowid % 2 = 0');

  return { add, list, flush, migrateBadly, [Symbol.dispose]: () => database.close() };
}

function writeWhole(path: string, content: Uint8Array): void {
  writeFileSync(`${path}.part`, content);
  renameSync(`${path}.part`, path);
}

function describe(path: string): Note['attachment'] {
  try {
    const content = readFileSync(path);
    return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
  } catch {
    return 'missing';
  }
}

/** A small real service to back up: `node demo/notes/app.ts --port 8090 --data DIR` keeps notes with attachments. */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pidFileOf, readPid } from './pid-file.ts';
import { createNotesServer } from './server.ts';
import { openNotes } from './store.ts';
import { BROKEN_VERSION, installedVersion } from './version.ts';

const { values } = parseArgs({
  options: { port: { type: 'string', default: '8090' }, data: { type: 'string', default: 'notes-data' } },
});
const data = resolve(values.data);

const version = installedVersion(data);
using notes = openNotes(data);
if (version === BROKEN_VERSION) notes.migrateBadly();
const server = createNotesServer(notes, { pid: process.pid, data, version });
const stopped = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stopped.abort());

server.listen(Number(values.port), '127.0.0.1');
await once(server, 'listening');
writeFileSync(pidFileOf(data), `${process.pid}\n`);
const address = server.address();
console.log(`notes: http://127.0.0.1:${typeof address === 'object' ? address?.port : values.port}, data in ${data}`);

if (!stopped.signal.aborted) await once(stopped.signal, 'abort');
// Requests that are under way are answered; connections that only wait are closed.
server.close();
server.closeIdleConnections();
await once(server, 'close');
if (readPid(data) === process.pid) rmSync(pidFileOf(data), { force: true });

/** The web face of the notes: POST /notes, GET /notes, GET /healthz. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { NotesStore } from './store.ts';
import { BROKEN_VERSION } from './version.ts';

const NewNote = z.object({
  text: z.string().min(1).max(10_000),
  /** The content of a file, in base64. */
  attachment: z.base64().optional(),
});

/** What tells one notes service from another that listens on the same port. */
export interface Identity {
  pid: number;
  data: string;
  version: string;
}

export function createNotesServer(notes: NotesStore, identity: Identity): Server {
  return createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      reply(response, 500, { error: error instanceof Error ? error.message : String(error) });
    });
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (`${request.method} ${request.url}`) {
      case 'GET /healthz':
        return identity.version === BROKEN_VERSION
          ? reply(response, 500, { status: 'no such column: attachment', ...identity })
          : reply(response, 200, { status: 'ok', ...identity });
      case 'GET /notes':
        return reply(response, 200, { notes: notes.list() });
      case 'POST /notes':
        return await create(request, response);
      default:
        return reply(response, 404, { error: 'there is POST /notes, GET /notes and GET /healthz' });
    }
  }

  async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body: unknown = await json(request).catch(() => undefined);
    const note = NewNote.safeParse(body);
    if (!note.success) return reply(response, 400, { error: z.prettifyError(note.error) });
    const { text, attachment } = note.data;
    const content = attachment === undefined ? undefined : Buffer.from(attachment, 'base64');
    return reply(response, 201, notes.add(text, content));
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body, null, 2)}\n`);
}

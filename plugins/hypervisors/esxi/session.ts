/** A login at vSphere for one action: made when the server is known, renewed once when it is gone, and always ended. */
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { EsxiTools } from './config.ts';
import { insist } from './insist.ts';
import { type Element, element, type Ref, Reference, Text } from './markup.ts';
import { refusal } from './refusals.ts';
import { type Line, openLine, post, type Reply } from './soap.ts';

const Content = z.looseObject({
  about: z.looseObject({ fullName: Text, apiType: Text }),
  rootFolder: Reference,
  propertyCollector: Reference,
  viewManager: Reference,
  sessionManager: Reference,
  taskManager: Reference,
  authorizationManager: Reference.optional(),
  licenseManager: Reference.optional(),
});

const UserSession = z.looseObject({ userName: Text });

export interface Session {
  tools: EsxiTools;
  line: Line;
  content: z.output<typeof Content>;
  cookie: string | undefined;
  /** As the server calls who logged in: its tasks say it too. */
  user: string;
}

const SERVICE: Ref = { type: 'ServiceInstance', id: 'ServiceInstance' };
const FAREWELL_MS = 3_000;

export async function withSession<T>(tools: EsxiTools, work: (session: Session) => Promise<T>): Promise<T> {
  const line = await openLine(tools);
  const value = await persistently(tools, () => post(line, { method: 'RetrieveServiceContent', on: SERVICE }));
  const content = understood(tools, Content, { value, what: 'RetrieveServiceContent' });
  const session: Session = { tools, line, content, cookie: undefined, user: '' };
  await logIn(session);
  try {
    return await work(session);
  } finally {
    await logOut(session);
  }
}

export interface Question {
  method: string;
  on: Ref;
  parts?: readonly (Element | undefined)[];
}

/** Asks once; when the login is gone, logs in again and asks once more: nothing was done then. */
export async function ask(session: Session, question: Question): Promise<Reply> {
  const reply = await post(session.line, { ...question, cookie: session.cookie });
  if (reply.kind !== 'fault' || reply.fault.type !== 'NotAuthenticated') return reply;
  await logIn(session);
  return await post(session.line, { ...question, cookie: session.cookie });
}

/** Asks what changes nothing, and again for a while when there is no answer. */
export async function read<S extends z.ZodType>(session: Session, schema: S, question: Question): Promise<z.output<S>> {
  const value = await persistently(session.tools, () => ask(session, question), `ask for ${question.method}`);
  return understood(session.tools, schema, { value, what: question.method });
}

export function understood<S extends z.ZodType>(
  { name }: EsxiTools,
  schema: S,
  { value, what }: { value: unknown; what: string },
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const at = result.error.issues[0]?.path.join('.') ?? '';
  throw new AutopilotError('HA_BAD_OUTPUT', `${name}: the answer to ${what} is not understood (at "${at}")`, {
    next: 'this version of vSphere may be too new or too old; please report it',
  });
}

async function persistently(tools: EsxiTools, once: () => Promise<Reply>, doing = 'log in'): Promise<unknown> {
  const reply = await insist(tools, once, 'see whether it is on, and port 443 is open from here');
  if (reply.kind === 'fault') throw refusal(tools, reply.fault, doing);
  return reply.value;
}

async function logIn(session: Session): Promise<void> {
  const { tools, line, content } = session;
  const { username = '', password } = tools.config;
  const secret = password === undefined ? '' : await tools.secret(password);
  const parts = [element('userName', username), element('password', secret)];
  session.cookie = undefined;
  const value = await persistently(tools, async () => {
    const reply = await post(line, { method: 'Login', on: content.sessionManager, parts });
    if (reply.kind === 'value') session.cookie = reply.cookie;
    return reply;
  });
  session.user = understood(tools, UserSession, { value, what: 'Login' }).userName;
}

/** Also after the step has ended: a host has room for few sessions. What comes of it changes nothing any more. */
async function logOut({ line, content, cookie }: Session): Promise<void> {
  const farewell = AbortSignal.timeout(FAREWELL_MS);
  await post(line, { method: 'Logout', on: content.sessionManager, cookie, farewell }).catch(() => undefined);
}

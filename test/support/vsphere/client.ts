/** Asks the simulator of vSphere directly, past the proxy: what a person does in the web client, and what really happened. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { eventually } from '#test/support/wait.ts';
import { PASSWORD, USER } from './simulator.ts';

export interface Ref {
  type: string;
  id: string;
}

export interface Client {
  /** Calls what starts a task, and waits for its end. `parts` is XML. @returns what the task tells of itself. */
  perform(method: string, on: Ref, parts?: string): Promise<string>;
  /** What a task tells of itself when it has ended. */
  ended(task: string): Promise<string>;
  /** The machine of this name. */
  machine(name: string): Promise<Ref>;
  property(of: Ref, path: string): Promise<string>;
}

export async function openClient(host: string): Promise<Client> {
  const service = { type: 'ServiceInstance', id: 'ServiceInstance' };
  const content = await posted(host, envelope('RetrieveServiceContent', service));
  const part = (name: string): Ref => refIn(content.text, name);
  const login = `<userName>${escaped(USER)}</userName><password>${escaped(PASSWORD)}</password>`;
  const { headers } = await posted(host, envelope('Login', part('sessionManager'), login));
  const cookie = headers['set-cookie']?.[0]?.split(';')[0] ?? '';
  const call = async (method: string, on: Ref, parts = '') => {
    const { status, text: said } = await posted(host, envelope(method, on, parts), { cookie });
    if (status !== 200) throw new Error(`${method}: ${said}`);
    return said;
  };
  const retrieve = async (type: string, path: string, from: string) => {
    const spec = `<propSet><type>${type}</type><pathSet>${path}</pathSet></propSet><objectSet>${from}</objectSet>`;
    return await call(
      'RetrievePropertiesEx',
      part('propertyCollector'),
      `<specSet>${spec}</specSet><options></options>`,
    );
  };
  const property: Client['property'] = async (of, path) => await retrieve(of.type, path, refXml('obj', of));
  const ended: Client['ended'] = async (id) =>
    await eventually('the task ends', async () => {
      const said = await property({ type: 'Task', id }, 'info');
      return /<state[^>]*>(success|error)</.test(said) ? said : undefined;
    });
  return {
    property,
    ended,
    perform: async (method, on, parts) => await ended(refIn(await call(method, on, parts), 'returnval').id),
    async machine(name) {
      const all = `${refXml('container', part('rootFolder'))}<type>VirtualMachine</type><recursive>true</recursive>`;
      const view = refIn(await call('CreateContainerView', part('viewManager'), all), 'returnval');
      return machineIn(await retrieve('VirtualMachine', 'name', `${refXml('obj', view)}<skip>true</skip>${WAY}`), name);
    },
  };
}

const WAY =
  '<selectSet xsi:type="TraversalSpec"><name>all</name><type>ContainerView</type><path>view</path></selectSet>';

function machineIn(said: string, name: string): Ref {
  const one = said.split('<objects>').find((part) => part.includes(`>${name}<`));
  if (one === undefined) throw new Error(`there is no machine ${name}: ${said}`);
  return refIn(one, 'obj');
}

export async function posted(host: string, body: string, headers: IncomingHttpHeaders = {}): Promise<Posted> {
  const sent = request(`http://${host}/sdk`, {
    method: 'POST',
    headers: { 'content-type': 'text/xml; charset=utf-8', soapaction: '"urn:vim25/6.0"', ...headers },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

interface Posted {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

function envelope(method: string, on: Ref, parts = ''): string {
  return enveloped(`<${method} xmlns="urn:vim25">${refXml('_this', on)}${parts}</${method}>`);
}

/** @param detail what the fault has to tell besides its type, as XML. */
export function faultEnvelope(type: string, detail = ''): string {
  const fault = `<${type}Fault xmlns="urn:vim25" xsi:type="${type}">${detail}</${type}Fault>`;
  const what = `<faultcode>ServerFaultCode</faultcode><faultstring>what ${type} says</faultstring>`;
  return enveloped(`<soapenv:Fault>${what}<detail>${fault}</detail></soapenv:Fault>`);
}

function enveloped(body: string): string {
  const spaces =
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope ${spaces}><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`;
}

function refXml(name: string, { type, id }: Ref): string {
  return `<${name} type="${type}">${id}</${name}>`;
}

export function refIn(text: string, name: string): Ref {
  const [, type, id] = new RegExp(`<${name}[^>]* type="(\\w+)"[^>]*>([^<]+)<`).exec(text) ?? [];
  if (type === undefined || id === undefined) throw new Error(`there is no ${name} in ${text}`);
  return { type, id };
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** Writes another image into the files of a project, and leaves every other byte of them as it is. */
import { chmod, chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { AutopilotError } from '#kernel/errors.ts';
import { readIfThere } from '#kernel/if-there.ts';

/** Where a project says how it runs. */
export interface ProjectFiles {
  directory: string;
  /** Compose files, the later ones over the earlier ones. */
  files: readonly string[];
}

/** One file with its new content. */
interface Edit {
  file: string;
  content: string;
}

/** Has a service run another image from the next `up` on. Writing what stands there already changes nothing. */
export async function setImage(project: ProjectFiles, service: string, reference: string): Promise<void> {
  const edit = await imageEdit(project, service, reference);
  if (edit !== undefined) await replaceFile(edit.file, edit.content);
}

/**
 * What would have to be written; undefined when it stands there already.
 * @throws AutopilotError HA_CONFIG_INVALID when the files do not name the image, or in a way that is not understood.
 */
export async function imageEdit(project: ProjectFiles, service: string, reference: string): Promise<Edit | undefined> {
  const found = await findImage(project, service);
  if (found === undefined) {
    const message = `no compose file of ${project.directory} names the image of ${service} in its own lines`;
    throw new AutopilotError('HA_CONFIG_INVALID', message, {
      next: `write  image: ${reference}  for it yourself, then  docker compose up -d`,
    });
  }
  const { file, text, value, range } = found;
  if (value.includes('$')) return variableEdit(project, found, reference);
  return value === reference ? undefined : { file, content: spliced(text, range, reference) };
}

/** False for one that is built, that takes its image from an anchor, or that is not in the files any more. */
export async function namesImage(project: ProjectFiles, service: string): Promise<boolean> {
  return (await findImage(project, service)) !== undefined;
}

/** Of several files the later one counts. */
async function findImage(project: ProjectFiles, service: string): Promise<WrittenImage | undefined> {
  for (const file of project.files.toReversed()) {
    const text = await readFile(file, 'utf8');
    const found = imageIn(text, service);
    if (found !== undefined) return { file, text, ...found };
  }
  return undefined;
}

type Range = readonly [number, number];

function imageIn(text: string, service: string): { value: string; range: Range } | undefined {
  const node = parseDocument(text).getIn(['services', service, 'image'], true);
  if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return undefined;
  return { value: node.value, range: [node.range[0], node.range[1]] };
}

/** In the quotes in which it was written, if it was. */
function spliced(text: string, [start, end]: Range, value: string): string {
  const quote = /^["']/.exec(text.slice(start, end))?.[0] ?? '';
  return `${text.slice(0, start)}${quote}${value}${quote}${text.slice(end)}`;
}

interface WrittenImage {
  file: string;
  text: string;
  value: string;
  range: Range;
}

/** `repo:${TAG}` and `repo:${TAG:-1.2}`: the variable is set in `.env` when it is there, else its default is changed. */
async function variableEdit(project: ProjectFiles, image: WrittenImage, reference: string): Promise<Edit | undefined> {
  const parts = /^([^$]*)\$\{?(\w+)(?::?-([^{}$]*))?\}?([^$]*)$/.exec(image.value);
  const [, before = '', name = '', standard, after = ''] = parts ?? [];
  const fits = parts !== null && reference.startsWith(before) && reference.endsWith(after);
  if (!fits) throw tooClever(image, reference);
  const value = reference.slice(before.length, reference.length - after.length);
  const env = join(project.directory, '.env');
  const lines = (await readIfThere(env))?.split('\n') ?? [];
  const at = lines.findIndex((line) => line.replace(/^\s*export\s+/, '').startsWith(`${name}=`));
  if (at >= 0) {
    const written = lines.with(at, `${lines[at]?.split('=')[0]}=${value}`).join('\n');
    return written === lines.join('\n') ? undefined : { file: env, content: written };
  }
  if (standard === undefined) throw tooClever(image, reference);
  if (standard === value) return undefined;
  const changed = image.value.replace(`-${standard}}`, `-${value}}`);
  return { file: image.file, content: spliced(image.text, image.range, changed) };
}

function tooClever({ file, value }: WrittenImage, reference: string): AutopilotError {
  return new AutopilotError('HA_CONFIG_INVALID', `${file}: cannot make ${reference} of ${value}`, {
    next: 'write the image out, or keep its tag in one variable of .env',
  });
}

/** The files that a project reads besides its compose files: `.env`, and what `env_file` names. */
export async function envFiles(project: ProjectFiles): Promise<string[]> {
  const named: string[] = ['.env'];
  for (const file of project.files) {
    const services = parseDocument((await readIfThere(file)) ?? '').get('services');
    if (!isMap(services)) continue;
    for (const { value } of services.items)
      named.push(...envFileNames(isMap(value) ? value.get('env_file') : undefined));
  }
  const paths = [...new Set(named)].map((name) => join(project.directory, name));
  const there = await Promise.all(paths.map(async (path) => (await readIfThere(path)) !== undefined));
  return paths.filter((_, index) => there[index]);
}

function envFileNames(node: unknown): string[] {
  if (typeof node === 'string') return [node];
  if (!isSeq(node)) return [];
  const items: unknown[] = node.toJSON();
  return items.filter((item) => typeof item === 'string');
}

/** Old content or new, and never a half: a crash in between leaves the old file. */
async function replaceFile(path: string, content: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.autopilot`);
  const { mode, uid, gid } = await stat(path);
  await rm(draft, { force: true });
  await writeFile(draft, content, { flag: 'wx', mode: 0o600, flush: true });
  await chmod(draft, mode & 0o7777);
  const made = await stat(draft);
  if (made.uid !== uid || made.gid !== gid) await chown(draft, uid, gid);
  await rename(draft, path);
}

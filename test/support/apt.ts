/** A real apt repository and a system tree of its own, made with dpkg-deb: apt installs there, and touches nothing of this machine. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { needs } from '#test/support/needs.ts';

const run = promisify(execFile);

export interface TestApt {
  /** The tree that apt installs into. */
  root: string;
  /** Puts a package into the repository; `files` by their paths in the tree. */
  offer(name: string, version: string, content?: PackageContent): Promise<void>;
  /** Takes a version out of the repository, as repositories do when a newer one has come. */
  withdraw(name: string, version: string): Promise<void>;
  install(name: string, version: string): Promise<void>;
  hold(name: string): Promise<void>;
  unhold(name: string): Promise<void>;
  /** What dpkg says: `ii 1.0-1`. */
  status(name: string): Promise<string>;
}

export interface PackageContent {
  files?: Record<string, string>;
  depends?: string;
}

/** Packages are unpacked into the tree as root would do it. */
export function needsApt(context: Pick<TestContext, 'skip'>): void {
  needs(context, 'apt-get', 'apt-mark', 'dpkg', 'dpkg-deb', 'dpkg-scanpackages');
  if (process.getuid?.() !== 0) context.skip('needs root, since dpkg installs as root alone');
}

export async function makeApt(directory: string): Promise<TestApt> {
  const [root, repository] = [join(directory, 'root'), join(directory, 'repository')];
  await makeTree(root, repository);
  const conf = join(directory, 'apt.conf');
  const status = join(root, 'var/lib/dpkg/status');
  const settings = { Dir: root, 'Dir::State::status': status, 'Dir::Bin::dpkg': '/usr/bin/dpkg' };
  const lines = Object.entries({ ...settings, 'DPkg::Options::': `--root=${root}` });
  await writeFile(conf, lines.map(([key, value]) => `${key} "${value}";\n`).join(''));
  const env = { ...process.env, APT_CONFIG: conf, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = async (program: string, ...words: string[]) => (await run(program, words, { env })).stdout;
  const index = async () => {
    const { stdout } = await run('dpkg-scanpackages', ['--multiversion', '.'], { cwd: repository });
    await writeFile(join(repository, 'Packages'), stdout);
  };
  await index();
  return {
    root,
    async offer(name, version, content) {
      await build(join(directory, 'build'), repository, { name, version, ...content });
      await index();
    },
    async withdraw(name, version) {
      await rm(join(repository, fileName(name, version)));
      await index();
    },
    async install(name, version) {
      await apt('apt-get', '-q', 'update');
      await apt('apt-get', '-y', '--allow-downgrades', 'install', `${name}=${version}`);
      await apt('apt-get', 'clean');
    },
    hold: async (name) => void (await apt('apt-mark', 'hold', name)),
    unhold: async (name) => void (await apt('apt-mark', 'unhold', name)),
    async status(name) {
      const format = '${db:Status-Abbrev}${Version}';
      const { stdout } = await run('dpkg-query', [`--admindir=${root}/var/lib/dpkg`, '-W', '-f', format, name]);
      return stdout;
    },
  };
}

async function makeTree(root: string, repository: string): Promise<void> {
  const folders = ['var/lib/dpkg/updates', 'var/lib/dpkg/info', 'var/lib/apt/lists/partial', 'var/log/apt', 'tmp'];
  const more = ['etc/apt/preferences.d', 'etc/apt/apt.conf.d', 'var/cache/apt/archives/partial', 'var/run'];
  for (const folder of [...folders, ...more]) await mkdir(join(root, folder), { recursive: true });
  await mkdir(repository, { recursive: true });
  await writeFile(join(root, 'var/lib/dpkg/status'), '');
  await writeFile(join(root, 'etc/apt/sources.list'), `deb [trusted=yes] file:${repository} ./\n`);
}

async function build(
  folder: string,
  repository: string,
  { name, version, files = {}, depends }: PackageContent & { name: string; version: string },
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const control = { Package: name, Version: version, Architecture: 'all', Maintainer: 'Tests <t@example.org>' };
  const fields = { ...control, ...(depends === undefined ? {} : { Depends: depends }), Description: 'made for a test' };
  const text = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`);
  const all = { 'DEBIAN/control': text.join(''), [`usr/share/doc/${name}/version`]: version, ...files };
  for (const [path, content] of Object.entries(all)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: path.includes('/bin/') ? 0o755 : 0o644 });
  }
  await run('dpkg-deb', ['--root-owner-group', '-b', folder, join(repository, fileName(name, version))]);
}

function fileName(name: string, version: string): string {
  return `${name}_${version.replaceAll(':', '%3a')}_all.deb`;
}

/** Every file below a folder of this machine's own apt, with its content's length: to see that nothing of it was touched. */
export async function machineState(): Promise<string> {
  const status = await readFile('/var/lib/dpkg/status', 'utf8');
  return `${status.length} ${(await readdir('/var/lib/apt/lists')).join()}`;
}

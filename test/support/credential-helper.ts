/** Programs that keep credentials for Docker, as its own helpers do: `docker-credential-NAME` in a folder of the test. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface TestHelpers {
  /** To be found in PATH. */
  folder: string;
  /** Writes one that answers as the protocol has it: with what it keeps, or that it has nothing. */
  keep(name: string, kept: Readonly<Record<string, { Username: string; Secret: string }>>): Promise<void>;
  /** Writes one that does what a shell script says; the registry is in `$registry`. */
  write(name: string, script: string): Promise<void>;
  /** `NAME ACTION REGISTRY`, for each time that one was asked. */
  asked(): Promise<string[]>;
}

export async function helpersIn(directory: string): Promise<TestHelpers> {
  const folder = join(directory, 'helpers');
  const log = join(directory, 'helpers-asked');
  await mkdir(folder, { recursive: true });
  await writeFile(log, '');
  const write: TestHelpers['write'] = async (name, script) => {
    const lines = ['#!/bin/sh', 'registry=$(cat)', `echo "${name} $1 $registry" >> ${log}`, script, ''];
    await writeFile(join(folder, `docker-credential-${name}`), lines.join('\n'), { mode: 0o755 });
  };
  return {
    folder,
    write,
    async keep(name, kept) {
      const cases = Object.entries(kept).map(([registry, { Username, Secret }]) => {
        return `'${registry}') echo '${JSON.stringify({ ServerURL: registry, Username, Secret })}' ;;`;
      });
      const nothing = '*) echo "credentials not found in native keychain"; exit 1 ;;';
      await write(name, ['case "$registry" in', ...cases, nothing, 'esac'].join('\n'));
    },
    asked: async () => (await readFile(log, 'utf8')).split('\n').filter((line) => line !== ''),
  };
}

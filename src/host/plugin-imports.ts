/** Lets plugin files outside of our own tree import `homelab-autopilot/sdk` and `zod`: ours, without any node_modules. */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

const SDK = new URL('../sdk/index.ts', import.meta.url).href;

/** Their zod must be ours: a schema of another copy is another type. */
const OURS: ReadonlyMap<string, string> = new Map([
  ['homelab-autopilot/sdk', SDK],
  ['zod', import.meta.resolve('zod')],
]);

/**
 * From now on, for all files below `folder` (an absolute path without links). The hooks stay for the life of the
 * process, since a plugin may import something only when it is used.
 */
export function provideImports(folder: string): void {
  const below = pathToFileURL(`${folder}/`).href;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const ours = OURS.get(specifier);
      if (ours === undefined || context.parentURL?.startsWith(below) !== true) return nextResolve(specifier, context);
      return { url: ours, shortCircuit: true };
    },
  });
}

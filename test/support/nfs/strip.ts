/** Writes the program of the guest of the NFS tests into a folder, as JavaScript that is only interpreted there. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { importsOf, root } from '#test/support/sources.ts';

/** Gives Node what was made of each file, in the place of the file. */
const HOOK = `import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const source = readFileSync(import.meta.dirname + fileURLToPath(url), 'utf8');
    return { format: 'module', source, shortCircuit: true };
  },
});
`;

// V8 makes code while it runs, which an emulator may get wrong: in the guest it makes none. Without that there is no
// WebAssembly, and Node needs it to take the types out of TypeScript.
const [program = '', folder = ''] = process.argv.slice(2);
await mkdir(folder);
await writeFile(join(folder, 'hook.mjs'), HOOK);
const known = new Set([program]);
// A set grows while it is gone through.
for (const path of known) {
  const text = await readFile(join(root, path), 'utf8');
  for (const imported of importsOf({ path, text })) if (imported.endsWith('.ts')) known.add(imported);
  const target = join(folder, root, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, stripTypeScriptTypes(text));
}

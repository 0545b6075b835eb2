/** Paths and globs as users write them. */
import { z } from 'zod';

/** For a service without a folder of its own: nobody could say what a relative path is relative to. */
export const AbsolutePath = z
  .string()
  .startsWith('/', 'must be an absolute path: it begins with /')
  .refine((path) => !path.includes('\0'), 'cannot hold a NUL character')
  .refine((path) => !path.split('/').includes('..'), 'must not go through ".."');

/** What is left out of a path, relative to it. */
export const Glob = z
  .string()
  .min(1)
  .refine((glob) => !glob.startsWith('/'), 'is relative to the path: it does not begin with /');

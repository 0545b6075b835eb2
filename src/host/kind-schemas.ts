/** The actions of a kind as JSON Schemas: for those who write a plugin in another language. */
import { z } from 'zod';
import { kinds } from '#sdk/catalog.ts';
import type { Effect, KindName } from '#sdk/contract.ts';

export interface ActionSchema {
  name: string;
  title: string;
  effect: Effect;
  optional: boolean;
  /** JSON Schemas (draft 2020-12) of what it takes, and of what it may give. */
  input: object;
  output: object;
}

export function actionSchemas(kind: KindName): ActionSchema[] {
  return Object.entries(kinds[kind].actions).map(([name, { title, effect, optional, input, output }]) => ({
    name,
    title,
    effect,
    optional,
    input: z.toJSONSchema(input),
    // What has a default may be left out of an answer.
    output: z.toJSONSchema(output, { io: 'input' }),
  }));
}

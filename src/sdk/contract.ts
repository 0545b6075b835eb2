/** What a kind of plugin is: its actions, what each takes, gives, and means after a crash. */
import type { z } from 'zod';
import type { Tools } from '#sdk/tools.ts';

/**
 * What a crash in mid-step means for an action.
 * - `read`: it changes nothing; it is run again.
 * - `idempotent`: it is run again with the same step key, and finds what the first run left.
 * - `once`: the plugin's probe is asked first: done → taken; not done → run; cannot tell → a person must look.
 */
export type Effect = 'read' | 'idempotent' | 'once';

export interface Action<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  effect: Effect;
  /** What it does, for the reference page: starts with a verb. */
  title: string;
  input: I;
  output: O;
  /** An optional action may be missing from a plugin; workflows ask before they plan it. */
  optional: boolean;
}

/** Declares an action that every plugin of the kind has. */
export function action<I extends z.ZodType, O extends z.ZodType>(
  effect: Effect,
  title: string,
  shape: { input: I; output: O },
): Action<I, O> & { optional: false } {
  return { effect, title, ...shape, optional: false };
}

/** Declares an action that a plugin may leave out: what it does makes no sense for every system of the kind. */
export function optionalAction<I extends z.ZodType, O extends z.ZodType>(
  effect: Effect,
  title: string,
  shape: { input: I; output: O },
): Action<I, O> & { optional: true } {
  return { effect, title, ...shape, optional: true };
}

export type KindName = 'hypervisor' | 'service' | 'destination' | 'notification' | 'archive';
export type Actions = Record<string, Action>;

/** The input of an action as its caller writes it (defaults may be left out). */
export type InputOf<A extends Action> = z.input<A['input']>;
export type OutputOf<A extends Action> = z.output<A['output']>;

/** What a plugin answers when it is asked whether a `once` action that was cut short took effect. */
export type ProbeAnswer = 'done' | 'not-done' | 'unknown';

type Perform<A extends Action, C> = (tools: Tools<C>, input: z.output<A['input']>) => Promise<z.input<A['output']>>;
export type RequiredNames<A extends Actions> = { [K in keyof A]: A[K]['optional'] extends true ? never : K }[keyof A];
export type OptionalNames<A extends Actions> = Exclude<keyof A, RequiredNames<A>>;
type OnceNames<A extends Actions> = { [K in keyof A]: A[K]['effect'] extends 'once' ? K : never }[keyof A];

export type Implementation<A extends Actions, C> = { [K in RequiredNames<A>]: Perform<A[K], C> } & {
  [K in OptionalNames<A>]?: Perform<A[K], C>;
};

/** A method, so that plugins of every configuration are of one type. */
interface Lacking<C> {
  of(config: C): string | undefined;
}

/** One plugin, as its file exports it under the name `plugin`. */
export interface Plugin<A extends Actions = Actions, C = unknown> {
  kind: KindName;
  /** The `type:` that users write; the same as the file's name. */
  id: string;
  /** The system's name as its users know it. */
  title: string;
  /** The keys that a user writes for one instance, besides those that every instance of the kind has. */
  config: z.ZodObject;
  /** Keys that a service plugin adds to the `backup:` section of its services. */
  backup?: z.ZodObject;
  /** The same for the `update:` section. */
  update?: z.ZodObject;
  /** Set when image and data may only go back together: what the program makes of its data, its older versions refuse. */
  wholeRollback?: true;
  /** Set when a destination keeps only once what two sets have in common: they are packed so that they have much. */
  deduplicates?: true;
  /**
   * For actions that not every configuration allows: what it lacks for them, and what to add; undefined when nothing.
   * Asked while the configuration is checked, where the sections `backup` and `update` may be missing.
   */
  lacks?: { [K in keyof A]?: Lacking<C>['of'] };
  actions: Implementation<A, C>;
  /** For each `once` action: did it happen? Asked after a crash in mid-step. */
  probes?: { [K in OnceNames<A>]?: (tools: Tools<C>, input: z.output<A[K]['input']>) => Promise<ProbeAnswer> };
}

/** What the author of a plugin writes. */
export interface PluginDefinition<
  A extends Actions,
  S extends z.ZodObject,
  B extends z.ZodObject,
  U extends z.ZodObject = z.ZodObject,
> extends Omit<
    Plugin<A, z.output<S> & { backup: z.output<B>; update: z.output<U> }>,
    'kind' | 'config' | PluginSection
  > {
  config: S;
  backup?: B;
  update?: U;
}

/** Sections of a service to which its plugin adds keys. */
export const pluginSections = ['backup', 'update'] as const;
export type PluginSection = (typeof pluginSections)[number];

/** A kind of plugin: one data object from which types, validation, conformance tests and reference pages come. */
export interface Kind<A extends Actions = Actions> {
  name: KindName;
  title: string;
  actions: A;
  /** Gives a plugin definition its type. A plugin file ends in `export const plugin = service.define({…})`. */
  define<S extends z.ZodObject, B extends z.ZodObject = z.ZodObject, U extends z.ZodObject = z.ZodObject>(
    definition: PluginDefinition<A, S, B, U>,
  ): Plugin;
}

/** Declares a kind. */
export function kind<A extends Actions>(name: KindName, title: string, actions: A): Kind<A> {
  return {
    name,
    title,
    actions,
    // The loader checks at run time what the compiler has checked here; past this line plugins are uniform.
    define: (definition) => ({ kind: name, ...definition }),
  };
}

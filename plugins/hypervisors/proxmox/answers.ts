/** What Proxmox VE answers, as far as it is read here. */
import { z } from 'zod';

/** Booleans come as 0 and 1, and from some versions as words. */
const Flag = z
  .union([z.boolean(), z.number(), z.string()])
  .transform((value) => value === true || String(value) === '1');

export const Version = z.object({ version: z.string() });

/** Path → right → whether it reaches what is below. */
export const Permissions = z.record(z.string(), z.record(z.string(), z.unknown()));

export const Resources = z.array(
  z.object({
    type: z.string(),
    id: z.string(),
    vmid: z.coerce.number().optional(),
    node: z.string().optional(),
    name: z.string().optional(),
    status: z.string().optional(),
    lock: z.string().optional(),
    template: Flag.optional(),
    storage: z.string().optional(),
    shared: Flag.optional(),
    content: z.string().optional(),
    disk: z.number().optional(),
    maxdisk: z.number().optional(),
    mem: z.number().optional(),
    maxmem: z.number().optional(),
  }),
);
export type Resource = z.output<typeof Resources>[number];

export const Status = z.object({
  status: z.string(),
  qmpstatus: z.string().optional(),
  name: z.string().optional(),
  lock: z.string().optional(),
});

export const Feature = z.object({ hasFeature: Flag });

export const Text = z.string();

export const GuestConfig = z.record(z.string(), z.unknown());

export const Snapshots = z.array(
  z.object({
    name: z.string(),
    description: z.string().default(''),
    snaptime: z.coerce.number().optional(),
    vmstate: Flag.optional(),
    /** There while it is made or removed, and left over when that was cut short. */
    snapstate: z.string().optional(),
  }),
);
export type Entry = z.output<typeof Snapshots>[number];

export const Upid = z.string().regex(/^UPID:[^:\s]+(:[^:\s]*){6}:$/);

export const TaskStatus = z.object({ status: z.string(), exitstatus: z.string().optional() });

export const Tasks = z.array(z.object({ upid: z.string() }));

export const TaskLog = z.array(z.object({ n: z.number(), t: z.string() }));

export const Archives = z.array(
  z.object({
    volid: z.string(),
    vmid: z.coerce.number().optional(),
    ctime: z.coerce.number().optional(),
    size: z.coerce.number().optional(),
    notes: z.string().default(''),
    protected: Flag.optional(),
    verification: z.object({ state: z.string() }).optional(),
  }),
);
export type Archive = z.output<typeof Archives>[number];

/** The text of a refusal: one message, and for wrong parameters which they are. */
export function errorBody(body: object | undefined): string | undefined {
  const { message, errors } = z
    .object({ message: z.string().default(''), errors: z.record(z.string(), z.unknown()).default({}) })
    .catch({ message: '', errors: {} })
    .parse(body ?? {});
  const wrong = Object.entries(errors).map(([key, value]) => `${key}: ${String(value).trim()}`);
  return [message.trim(), ...wrong].filter((part) => part !== '').join('; ') || undefined;
}

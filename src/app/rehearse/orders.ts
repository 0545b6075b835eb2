/** What is to become of the next update of a copy: written by who rehearses, read by the copy's plugin. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/** The ways in which an update is broken; `works` breaks nothing. */
export const Breakage = z.enum(['works', 'does-not-start', 'corrupts-data', 'failed-migration']);
export type Breakage = z.output<typeof Breakage>;

export const Orders = z.object({
  breakage: Breakage,
  images: z.array(
    z.object({
      /** The part of the service. */
      name: z.string(),
      /** Null: an image that holds nothing. */
      source: z.string().nullable(),
      /** A name that belongs to the copy alone. */
      reference: z.string(),
    }),
  ),
  /** Files of the copy that are destroyed. */
  spoil: z.array(z.string()),
});
export type Orders = z.output<typeof Orders>;

export async function readOrders(file: string): Promise<Orders> {
  return Orders.parse(JSON.parse(await readFile(file, 'utf8')));
}

/** On the disk before the update that reads it is asked for. */
export async function writeOrders(file: string, orders: Orders): Promise<void> {
  await writeFile(file, JSON.stringify(orders), { mode: 0o600 });
}

/** Reads what libvirt says in XML, as far as it is of interest here. */
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';

const Text = z.union([z.string(), z.object({ text: z.string().default('') }).transform(({ text }) => text)]);
const Flag = z.union([z.literal(''), z.looseObject({})]).optional();

const Disk = z.object({
  type: z.string(),
  device: z.string().default('disk'),
  snapshot: z.string().optional(),
  driver: z.object({ type: z.string().default('raw') }).default({ type: 'raw' }),
  target: z.object({ dev: z.string() }),
  readonly: Flag,
  shareable: Flag,
  transient: Flag,
});
export type Disk = z.output<typeof Disk>;

const list = <S extends z.ZodType>(member: S) => z.array(member).default([]);

const DomainXml = z.object({
  domain: z.object({
    name: Text,
    uuid: Text,
    os: z
      .object({
        firmware: z.string().optional(),
        loader: z.union([z.string(), z.looseObject({ type: z.string().optional() })]).optional(),
        nvram: z.union([z.string(), z.looseObject({ format: z.string().optional() })]).optional(),
      })
      .default({}),
    devices: z.object({ disk: list(Disk), hostdev: list(z.looseObject({})) }),
  }),
});

export interface Domain {
  name: string;
  uuid: string;
  disks: Disk[];
  hostDevices: number;
  /** Null: it starts from a BIOS. */
  firmware: { nvramFormat: string } | null;
}

const SnapshotXml = z.object({
  domainsnapshot: z.object({
    name: Text,
    description: Text.default(''),
    state: Text.default(''),
    creationTime: Text.default(''),
    memory: z.object({ snapshot: z.string() }).optional(),
    disks: z
      .object({ disk: list(z.looseObject({ name: z.string(), snapshot: z.string().default('internal') })) })
      .or(z.literal(''))
      .optional(),
  }),
});

export interface SnapshotFacts {
  name: string;
  description: string;
  createdAt: string | null;
  memory: boolean;
  /** Disks that it does not hold. */
  without: string[];
}

export function readDomain(xml: string): Domain {
  const { name, uuid, os, devices } = read(DomainXml, xml).domain;
  const loader = typeof os.loader === 'object' ? os.loader.type : undefined;
  const pflash = loader === 'pflash' || os.firmware === 'efi';
  const nvram = typeof os.nvram === 'object' ? os.nvram.format : undefined;
  return {
    name,
    uuid,
    disks: devices.disk,
    hostDevices: devices.hostdev.length,
    firmware: pflash ? { nvramFormat: nvram ?? 'raw' } : null,
  };
}

export function readSnapshot(xml: string): SnapshotFacts {
  const { name, description, creationTime, memory, disks } = read(SnapshotXml, xml).domainsnapshot;
  const seconds = Number(creationTime);
  const kept = typeof disks === 'object' ? disks.disk : [];
  return {
    name,
    description,
    createdAt: seconds > 0 ? new Date(seconds * 1000).toISOString() : null,
    memory: memory !== undefined && memory.snapshot !== 'no',
    without: kept.filter(({ snapshot }) => snapshot === 'no').map((disk) => `disk ${disk.name}`),
  };
}

function read<S extends z.ZodType>(shape: S, xml: string): z.output<S> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '',
    textNodeName: 'text',
    parseTagValue: false,
    parseAttributeValue: false,
    // A single one is a list too; the disks of a snapshot have a parent of another name.
    isArray: (tag) => tag === 'disk' || tag === 'hostdev',
  });
  const parsed = shape.safeParse(parser.parse(xml));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AutopilotError(
    'HA_BAD_OUTPUT',
    `libvirt answered in an unknown form: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}

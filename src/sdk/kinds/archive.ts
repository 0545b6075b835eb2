/** What the product itself does with backup sets. Not a kind for users' plugins: `src/archive` is its one plugin. */
import { z } from 'zod';
import { action, kind } from '#sdk/contract.ts';
import { Dump } from '#sdk/databases/dump.ts';
import { Encryption } from '#sdk/encryption.ts';
import { SET_ID, SetPurpose, VerifiedHow } from '#sdk/kinds/destination.ts';
import { Release, Source, UnpackedTree } from '#sdk/kinds/service.ts';
import { RegistrySettings } from '#sdk/registry/settings.ts';
import { Retention } from '#sdk/retention.ts';

const Warnings = z.array(z.string()).describe('What a person should know: vanished or changed files');

/** How a set is compressed. */
export const Compression = z.object({
  algorithm: z.literal('zstd').default('zstd').describe('The only one for now'),
  level: z.int().min(1).max(19).default(3).describe('zstd level: higher is smaller and slower'),
});

const Counts = {
  files: z.number().int().nonnegative(),
  /** Bytes of file content, uncompressed. */
  contentBytes: z.number().int().nonnegative(),
};

/** Left out where nothing is encrypted, and no identity is configured. */
const Encrypted = { encryption: Encryption.optional().describe('For whom sets are encrypted, and what opens them') };

const WayBack = z.boolean().default(false).describe('Whether the run relies on opening again what it will encrypt');

/** A restore point; of a guest as a whole, the backup as its platform names it. */
const Proven = z.string().min(1).max(1_024);

const ProofOf = z.enum(['set', 'guest']);

export const archive = kind('archive', 'Backup sets', {
  preflight: action('read', 'Checks that the sources are readable and that all places have room', {
    input: z.object({
      sources: z.array(Source),
      destinations: z.array(z.string()),
      ...Encrypted,
      wayBack: WayBack,
    }),
    output: z.object({ ...Counts, summary: z.string(), warnings: Warnings }),
  }),
  dump: action('idempotent', 'Has the service dump its databases into a new set in the staging directory', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      compression: Compression,
      shareable: z.boolean().optional().describe('Whether a small change of the data is to change little of the set'),
      all: z.boolean().default(false).describe('Whether all of the service is at rest when its files are captured'),
      missing: z.boolean().default(false).describe('Only what the captured files would not bring back'),
    }),
    output: z.object({ dumps: z.array(Dump), summary: z.string(), warnings: Warnings }),
  }),
  capture: action('idempotent', 'Streams the sources into a new set in the staging directory', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      run: z.string(),
      sources: z.array(Source),
      compression: Compression,
      shareable: z.boolean().optional().describe('Whether a small change of the data is to change little of the set'),
      durable: z.boolean().optional().describe('Whether it is on the disk when this ends, for a snapshot of its host'),
      purpose: SetPurpose.optional(),
      release: Release.optional().describe('What runs while the data is captured'),
      expected: z.object(Counts).optional().describe('For the progress display'),
      dumps: z.array(Dump).optional().describe('Dumps of databases that lie in the set already'),
      ...Encrypted,
    }),
    output: z.object({
      ...Counts,
      archiveBytes: z.number().int(),
      createdAt: z.iso.datetime(),
      warnings: Warnings,
      summary: z.string(),
    }),
  }),
  seal: action('idempotent', 'Reads the captured data back, writes the index, and gives the set its final name', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      usualBytes: z.number().nonnegative().optional().describe('The size of the sets before; left out, there are few'),
      ...Encrypted,
    }),
    output: z.object({
      ...Counts,
      sizeBytes: z.number().int(),
      verifiedAt: z.iso.datetime(),
      purpose: SetPurpose.default('backup'),
      summary: z.string(),
      warnings: Warnings.default([]),
    }),
  }),
  reseal: action('idempotent', 'Seals a set once more whose host went back to the instant of its capture', {
    input: z.object({ set: SET_ID, service: z.string(), ...Encrypted }),
    output: z.object({ summary: z.string() }),
  }),
  copy: action('idempotent', 'Copies the set to one destination, from staging or from a destination that has it', {
    input: z.object({ set: SET_ID, service: z.string(), to: z.string(), from: z.array(z.string()).default([]) }),
    output: z.object({ bytes: z.number().int(), summary: z.string() }),
  }),
  verifyCopy: action('idempotent', 'Compares every part of a copy with its checksum, notes it on the copy', {
    input: z.object({ set: SET_ID, service: z.string(), destination: z.string() }),
    output: z.object({
      bytes: z.number().int(),
      how: VerifiedHow,
      verifiedAt: z.iso.datetime(),
      summary: z.string(),
    }),
  }),
  retain: action('idempotent', 'Removes the sets that no retention rule keeps', {
    input: z.object({ service: z.string(), destination: z.string(), retention: Retention }),
    output: z.object({
      kept: z.number().int(),
      removed: z.array(SET_ID),
      pinned: z.array(SET_ID),
      summary: z.string(),
    }),
  }),
  recall: action('read', 'Finds a whole copy of a set, and tells what ran when it was made', {
    input: z.object({ set: SET_ID, service: z.string(), from: z.array(z.string()), ...Encrypted }),
    output: z.object({
      release: Release,
      createdAt: z.iso.datetime(),
      sources: z.array(Source),
      from: z.string(),
      summary: z.string(),
    }),
  }),
  checkRestore: action('read', 'Looks whether the data of a set could be put back now', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      from: z.array(z.string()),
      overwrite: z.boolean().default(true).describe('Whether data may be replaced that is newer than the set'),
      databases: z.boolean().default(false).describe('Whether dumps of databases can be put back'),
      ...Encrypted,
      wayBack: WayBack,
    }),
    output: z.object({ summary: z.string() }),
  }),
  weigh: action('read', 'Tells which writes a rollback would lose, and stops it where a person is to be asked', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      capturedAt: z.iso.datetime().describe('From when the data of the set is'),
      askAfterMs: z.number().nonnegative().nullable().describe('Older data is not put back unasked; null: none is'),
      config: z.boolean().describe('Whether configuration files would be put back'),
      data: z.boolean().describe('Whether data would be put back'),
    }),
    output: z.object({ summary: z.string() }),
  }),
  restore: action('idempotent', 'Puts the data of a set back in its place, whole or not at all', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      from: z.array(z.string()).describe('Destinations to take it from when it is not in staging'),
      data: z.boolean().default(true).describe('All but the files that say how the service runs'),
      config: z.boolean().default(true).describe('The files that say how the service runs'),
      ...Encrypted,
    }),
    output: z.object({
      files: z.number().int(),
      bytes: z.number().int(),
      createdAt: z.iso.datetime(),
      summary: z.string(),
    }),
  }),
  load: action('idempotent', 'Has the service put the dumps of a set back into its databases', {
    input: z.object({
      set: SET_ID,
      service: z.string(),
      from: z.array(z.string()).describe('Destinations to take it from when it is not in staging'),
      release: Release.describe('What is to run afterwards'),
      image: z.boolean().default(true).describe('Put the images back too'),
      registries: z.record(z.string(), RegistrySettings).default({}).describe('Who we are at registries'),
      ...Encrypted,
    }),
    output: z.object({ summary: z.string() }),
  }),
  setAside: action(
    'idempotent',
    'Brings what a rollback replaced to the first destination that takes it, if it replaced anything',
    {
      input: z.object({ set: SET_ID, service: z.string(), to: z.array(z.string()) }),
      output: z.object({
        destination: z.string().nullable().describe('Null: there was nothing, or it stays in staging'),
        verifiedAt: z.iso.datetime().nullable(),
        warnings: Warnings,
        summary: z.string(),
      }),
    },
  ),
  unpack: action('idempotent', 'Restores a set of one destination into a place of its own, apart from what lives', {
    input: z.object({
      service: z.string(),
      destination: z.string(),
      set: SET_ID.optional().describe('Left out: the newest backup that the destination has'),
      place: SET_ID.describe('Names the place; `discard` of the same name removes it'),
      maxBytes: z.number().int().positive().describe('A set that holds more is refused before anything is unpacked'),
      dumps: z.boolean().default(false).describe('Lay out the dumps of databases too, decrypted, as they were written'),
      ...Encrypted,
    }),
    output: z.object({
      ...Counts,
      set: SET_ID,
      dumps: z.array(Dump),
      dumpsAt: z.string().describe('The directory of the dumps'),
      createdAt: z.iso.datetime(),
      root: z.string().describe('The directory below which the whole paths lie'),
      trees: z.array(UnpackedTree),
      release: Release.nullable(),
      tookMs: z.number().int().nonnegative().describe('From the first byte asked of the destination'),
      summary: z.string(),
    }),
  }),
  compare: action('read', 'Compares what was unpacked with the index of its set, and with files that live unchanged', {
    input: z.object({ service: z.string(), place: SET_ID }),
    output: z.object({
      entries: z.number().int().nonnegative(),
      live: z.number().int().nonnegative().describe('Living files that have not changed since and were compared'),
      summary: z.string(),
    }),
  }),
  attest: action('read', 'Says what a drill has proven, when everything before it has', {
    input: z.object({
      service: z.string(),
      set: Proven,
      destination: z.string(),
      createdAt: z.iso.datetime(),
      unpackMs: z.number().int().nonnegative(),
      startMs: z.number().int().nonnegative().nullable().describe('Null: files alone were restored, nothing started'),
      of: ProofOf.default('set'),
      works: z.boolean().default(true).describe('False: what was started was seen to go on, and nothing more'),
    }),
    output: z.object({
      service: z.string(),
      set: Proven,
      destination: z.string().describe('Of a backup of a guest: its hypervisor'),
      of: ProofOf,
      provenAt: z.iso.datetime(),
      recoveryMs: z.number().int().nonnegative().describe('Until all was back, and worked where it was started'),
      dataAgeMs: z.number().int().nonnegative().describe('How old the data was that came back'),
      started: z.boolean(),
      summary: z.string(),
    }),
  }),
  discard: action('idempotent', 'Removes what the run left in the staging directory', {
    input: z.object({ set: SET_ID, service: z.string() }),
    output: z.object({}),
  }),
});

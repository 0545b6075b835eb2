/** What a machine is made of, as far as it decides whether it can be snapshotted. */
import { z } from 'zod';
import { arrayOf, Flag, Text, typeOf } from './markup.ts';
import type { Disk } from './platform.ts';

const Backing = z.looseObject({ diskMode: Text.default('persistent'), compatibilityMode: Text.default('') }).catch({
  diskMode: 'persistent',
  compatibilityMode: '',
});

const Device = z.looseObject({
  deviceInfo: z.looseObject({ label: Text.default('') }).catch({ label: '' }),
  backing: z.unknown().optional(),
  sharedBus: Text.default('noSharing'),
});

export const Build = z.looseObject({
  'config.hardware.device': arrayOf(z.unknown(), 'VirtualDevice').default([]),
  'runtime.consolidationNeeded': Flag.default(false),
  'capability.snapshotOperationsSupported': Flag.default(true),
  disabledMethod: arrayOf(Text, 'string').default([]),
});

export const BUILD_PATHS = Object.keys(Build.shape);

export const NEEDS_CONSOLIDATION =
  'has disks that need consolidation: do that first, in the web client under Snapshots';

export function disksOf(build: z.output<typeof Build>): Disk[] {
  return devicesOf(build)
    .filter(({ type }) => type === 'VirtualDisk')
    .map(diskOf);
}

export function obstaclesOf(build: z.output<typeof Build>): string[] {
  const shared = devicesOf(build).find(({ sharedBus }) => sharedBus !== 'noSharing');
  const handed = devicesOf(build).find(({ type }) => type === 'VirtualPCIPassthrough');
  const obstacles = [
    build['runtime.consolidationNeeded'] && NEEDS_CONSOLIDATION,
    shared && `shares a bus with other guests (${shared.deviceInfo.label}), which vSphere does not snapshot`,
    handed && `has a device of the host (${handed.deviceInfo.label}), with which vSphere does not snapshot it`,
    !build['capability.snapshotOperationsSupported'] && 'is of a kind that vSphere does not snapshot',
    build.disabledMethod.includes('CreateSnapshot_Task') && 'cannot be snapshotted in the state that it is in now',
  ];
  return obstacles.filter((one) => typeof one === 'string');
}

function devicesOf(build: z.output<typeof Build>) {
  return build['config.hardware.device'].map((node) => ({ type: typeOf(node), ...Device.parse(node) }));
}

function diskOf({ deviceInfo, backing }: z.output<typeof Device>): Disk {
  const { diskMode, compatibilityMode } = Backing.parse(backing);
  const raw = compatibilityMode === 'physicalMode' && !diskMode.startsWith('independent');
  return { label: deviceInfo.label, mode: diskMode, raw };
}

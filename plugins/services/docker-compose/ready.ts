/** Whether a release could run here now: it is looked at before anything is stopped, and long before it is needed. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { AutopilotError } from '#kernel/errors.ts';
import type { Release } from '#sdk/kinds/service.ts';
import type { ComposeTools } from './config.ts';
import { docker, linesOf } from './docker.ts';
import { refuseLodgers } from './lodgers.ts';
import { refuseOwn } from './own-container.ts';
import { refuseTaken } from './ports.ts';
import { type Container, projectNamed, realPath } from './project.ts';
import { type Detail, detailOf } from './release.ts';
import { mountpointsNow, refuseShared } from './volumes.ts';

export async function ready(
  tools: ComposeTools,
  { release, data }: { release: Release; data: boolean },
): Promise<{ summary: string }> {
  const detail = detailOf(release);
  const { containers } = await projectNamed(tools, detail.project);
  await refuseOwn(tools, containers);
  await refuseMoved(tools, detail);
  await refuseTaken(tools, detail.ports, containers);
  await refuseLodgers(tools, containers);
  await refuseTakenNames(tools, detail, containers);
  await refuseTakenAddresses(tools, detail, containers);
  if (data) {
    await refuseVolumesElsewhere(tools, detail);
    await refuseShared(tools, { names: detail.volumes.map(({ name }) => name), containers });
  }
  return {
    summary: detail.ports.length === 0 ? 'nothing is in its way' : 'its ports are free, nothing is in its way',
  };
}

/** Files go back to where they were; a project that is looked for elsewhere would start without them. */
async function refuseMoved(tools: ComposeTools, { directory }: Detail): Promise<void> {
  const { path } = tools.config;
  const now = (await realPath(path)) ?? resolve(path);
  if (directory === '' || directory === now) return;
  const message = `${tools.name}: the restore point has the project in ${directory}, and \`path\` is ${path}`;
  throw new AutopilotError('HA_CONFLICT', message, {
    next: `name ${directory} as \`path\` of the service, or make ${path} a symlink to it; nothing was changed`,
  });
}

/** The same for volumes: another engine may keep them in another place, and would make empty ones there. */
async function refuseVolumesElsewhere(tools: ComposeTools, { volumes }: Detail): Promise<void> {
  const known = volumes.filter(({ mountpoint }) => mountpoint !== '');
  const now = await mountpointsNow(
    tools,
    known.map(({ name }) => name),
  );
  const moved = known.find(({ name, mountpoint }) => now.get(name) !== mountpoint);
  if (moved === undefined) return;
  const message = `${tools.name}: volume ${moved.name} was in ${moved.mountpoint}, and this engine has it in ${now.get(moved.name)}`;
  throw new AutopilotError('HA_CONFLICT', message, {
    next: 'give this engine the data-root of the old one, or put the files back with  homelab-autopilot backups restore ID --to DIRECTORY ; nothing was changed',
  });
}

async function refuseTakenNames(
  tools: ComposeTools,
  { names }: Detail,
  containers: readonly Container[],
): Promise<void> {
  if (names.length === 0) return;
  const mine = new Set(containers.map(({ id }) => id));
  const listed = linesOf(await docker(tools, ['ps', '-a', '--no-trunc', '--format', '{{.ID}} {{.Names}}']));
  const others = listed.map((line) => line.split(' ')).filter(([id = '']) => !mine.has(id));
  const taken = names.find((name) => others.some(([, all = '']) => all.split(',').includes(name)));
  if (taken === undefined) return;
  const message = `${tools.name}: there is another container with the name ${taken}, which is not of this project`;
  throw new AutopilotError('HA_CONFLICT', message, {
    next: `rename it (docker rename ${taken} NAME) or remove it; nothing was changed`,
  });
}

const Member = z.object({
  Name: z.string(),
  IPv4Address: z.string().default(''),
  IPv6Address: z.string().default(''),
});
const Members = z.record(z.string(), Member).nullable();

/** A network of the project that is gone is made again with it; one of somebody else must be there. */
async function refuseTakenAddresses(
  tools: ComposeTools,
  { networks }: Detail,
  containers: readonly Container[],
): Promise<void> {
  const there = new Set(linesOf(await docker(tools, ['network', 'ls', '--format', '{{.Name}}'])));
  const missing = networks.find(({ name, own }) => !own && !there.has(name));
  if (missing !== undefined) {
    throw new AutopilotError(
      'HA_NOT_FOUND',
      `${tools.name}: the network ${missing.name}, which it joins, is not there`,
      {
        next: `make it with  docker network create ${missing.name}  or start what it belongs to; nothing was changed`,
      },
    );
  }
  const mine = new Set(containers.map(({ id }) => id));
  for (const { name, addresses } of networks.filter((one) => there.has(one.name) && one.addresses.length > 0)) {
    const words = ['network', 'inspect', '--format', '{{json .Containers}}', '--', name];
    const members = Object.entries(Members.parse(JSON.parse(await docker(tools, words))) ?? {});
    const holder = members.find(
      ([id, one]) => !mine.has(id) && [one.IPv4Address, one.IPv6Address].some((at) => addresses.includes(plain(at))),
    );
    if (holder !== undefined) throw takenAddress(tools, { network: name, holder: holder[1] });
  }
}

function takenAddress(
  { name }: ComposeTools,
  { network, holder }: { network: string; holder: z.output<typeof Member> },
): AutopilotError {
  const at = plain(holder.IPv4Address === '' ? holder.IPv6Address : holder.IPv4Address);
  const message = `${name}: the address ${at} in the network ${network} is taken by container ${holder.Name}`;
  return new AutopilotError('HA_CONFLICT', message, {
    next: 'stop that container, or give it another address; nothing was changed',
  });
}

/** The engine tells an address with the length of its network: `10.0.0.5/24`. */
function plain(address: string): string {
  return address.split('/')[0] ?? '';
}

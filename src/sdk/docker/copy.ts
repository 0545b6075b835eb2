/** Copies the content of volumes on the engine, through a container that is never started. */
import { z } from 'zod';
import { type Engine, statusOf } from '#sdk/docker/engine.ts';
import { labelsOf, type SnapshotName, volumeName } from '#sdk/docker/shelf.ts';

const FROM = '/homelab-autopilot/from';
const TO = '/homelab-autopilot/to';

const Labelled = z.object({ Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }) });

export interface Pair {
  from: string;
  to: string;
}

/** `to` is empty before. The image is any that is there: nothing of it runs. */
export async function copyVolume(
  engine: Engine,
  name: SnapshotName,
  { from, to, image }: Pair & { image: string },
): Promise<void> {
  const helper = volumeName(name, 'copy0');
  await removeHelper(engine, name);
  const mount = (Source: string, Target: string) => {
    // What the image has at this place must not be put into an empty volume.
    return { Type: 'volume', Source, Target, VolumeOptions: { NoCopy: true } };
  };
  const body = {
    Image: image,
    Entrypoint: ['homelab-autopilot-never-starts'],
    Labels: labelsOf(name),
    NetworkDisabled: true,
    HostConfig: { NetworkMode: 'none', Mounts: [mount(from, FROM), mount(to, TO)] },
  };
  await engine.change('POST', '/containers/create', { query: { name: helper }, body });
  try {
    await engine.copy({ container: helper, path: `${FROM}/.` }, { container: helper, path: TO });
  } finally {
    await removeHelper(engine, name);
  }
}

/** One that an execution which was cut short has left holds volumes back. */
export async function removeHelper(engine: Engine, name: SnapshotName): Promise<void> {
  const path = `/containers/${volumeName(name, 'copy0')}`;
  try {
    const { Config } = await engine.ask(Labelled, `${path}/json`);
    const ours = Object.entries(labelsOf(name)).every(([key, value]) => Config.Labels?.[key] === value);
    if (ours) await engine.change('DELETE', path, { query: { force: true, v: false }, already: [404] });
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}

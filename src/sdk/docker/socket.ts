/** The key under which users write where a Docker engine of this machine is reached. */
import { z } from 'zod';
import { SOCKET } from '#sdk/docker/address.ts';

export const DockerSocket = z
  .string()
  .startsWith('/')
  .default(SOCKET)
  .describe('Socket of the Docker engine')
  .meta({ path: true });

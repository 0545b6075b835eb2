/** Which of the user's probes can be asked of a copy of a project: those that go to a port which it publishes here. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { askable, doorsOf } from '#plugins/services/docker-compose/copied-probes.ts';
import { ComposeModel } from '#plugins/services/docker-compose/isolate.ts';
import { Probe } from '#sdk/probes.ts';

const doors = (text: string) => doorsOf(ComposeModel.parse(parse(text)));

const PUBLISHED = `
services:
  web:
    ports:
      - "8080:80"
      - "127.0.0.1:8443:443/tcp"
      - "[::1]:8081:81"
      - "5353:53/udp"
      - "9000-9001:9000-9001"
      - "7000"
      - { target: 90, published: "8090", protocol: tcp, mode: ingress }
      - { target: 91, published: 8091, protocol: udp }
  db: { image: db }
`;

test('ports are found in each way in which they may be written', () => {
  expect(doors(PUBLISHED)).toEqual({
    forwards: [
      { service: 'web', port: 8080, target: 80 },
      { service: 'web', port: 8443, target: 443 },
      { service: 'web', port: 8081, target: 81 },
      { service: 'web', port: 8090, target: 90 },
    ],
    ofHost: null,
  });
});

test.each([
  [{ type: 'http', url: 'http://localhost:8080/' }, true],
  [{ type: 'http', url: 'https://127.0.0.1:8443/' }, true],
  [{ type: 'http', url: 'http://[::1]:8081/' }, true],
  [{ type: 'tcp', port: 8090 }, true],
  [{ type: 'http', url: 'http://localhost/' }, false],
  [{ type: 'http', url: 'http://shop.lan:8080/' }, false],
  [{ type: 'http', url: 'http://localhost:8080/', external: true }, false],
  [{ type: 'tcp', host: '192.0.2.7', port: 8080 }, false],
  [{ type: 'command', command: ['curl', 'http://localhost:8080/'] }, false],
  [{ type: 'container', name: 'web' }, false],
])('%j: %s', (probe, asked) => {
  expect(askable([Probe.parse(probe)], doors(PUBLISHED))).toHaveLength(asked ? 1 : 0);
});

test('a service in the network of the host has the ports that no other has, unless there are two of them', () => {
  const one = 'services: { ha: { network_mode: host }, web: { ports: ["8080:80"] } }';
  const two = 'services: { ha: { network_mode: host }, plex: { network_mode: host } }';
  const probe = Probe.parse({ type: 'tcp', port: 8123 });

  expect(askable([probe], doors(one))).toHaveLength(1);
  expect(askable([probe], doors(two))).toHaveLength(0);
});
